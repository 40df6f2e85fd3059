"""The enrollment of the C core (ext/enrollment.h) by ctypes, compiled for the tests."""

import ctypes
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedge.bundle.calibration_table import CalibrationTable
from facedge.faces.quality import HALF
from facedge.preprocessing import resize_grey
from facedge.types import BoolArray, Float32Array, Float64Array, Int32Array, UInt8Array

EXT = Path(__file__).resolve().parents[2] / "ext"
SOURCES = ("enrollment", "template", "table", "cohort", "person_model", "eigen", "mixed", "copies")
HALF_PIXELS, FACE_PIXELS = HALF[0] * HALF[1], 1382  # of ext/copies.h
UNTOUCHED = -77.0
FAULTS = (None, "nothing_common", "several_people", "no_such_far", "mostly_refused")


class _Cohort(ctypes.Structure):
    _fields_ = [("embeddings", ctypes.c_void_p), ("identities", ctypes.c_void_p), ("rows", ctypes.c_int64)]


class _Table(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in ("rows", "points", "conditions")] + [("numbers", ctypes.c_void_p)]


class _Asked(ctypes.Structure):
    _fields_ = [
        ("embeddings", ctypes.c_void_p),
        ("count", ctypes.c_int64),
        ("size", ctypes.c_int64),
        ("most", ctypes.c_int64),
        ("far", ctypes.c_double),
        ("table", _Table),
        ("cohort", _Cohort),
    ]


class _Calibrated(ctypes.Structure):
    _fields_ = [(name, ctypes.c_double) for name in ("slope", "shift", "error", "frr_before")] + [
        ("points", ctypes.POINTER(ctypes.c_double)),
        ("chosen", ctypes.c_int64),
        ("condition", ctypes.c_int64),
    ]


class _Enrolled(ctypes.Structure):
    _fields_ = [
        ("fault", ctypes.c_int),
        ("mismatched", ctypes.POINTER(ctypes.c_uint8)),
        ("samples", ctypes.c_int64),
        ("kept", ctypes.POINTER(ctypes.c_int64)),
        ("calibrated", _Calibrated),
        ("threshold", ctypes.c_float),
        ("direction", ctypes.POINTER(ctypes.c_double)),
        ("weight", ctypes.POINTER(ctypes.c_double)),
        ("bias", ctypes.c_double),
        ("refused", ctypes.c_int64),
        ("passed", ctypes.c_int64),
        ("passed_people", ctypes.c_int64),
        ("likeness", ctypes.c_double),
        ("nearness", ctypes.c_double),
    ]


@dataclass(frozen=True)
class Enrolled:
    """What the core found; arrays are copies. points: (P, 5) of target, cosine, low95, high95, frr."""

    fault: str | None
    mismatched: tuple[int, ...]
    kept: list[int]
    points: Float64Array
    chosen: int
    condition: int
    slope: float
    shift: float
    error: float
    frr_before: float
    threshold: float
    direction: Float64Array
    weight: Float64Array
    refused: int
    passed: int
    passed_people: int
    likeness: float
    nearness: float


def flat_table(table: CalibrationTable) -> Float64Array:
    """A table as the core takes it."""
    found = [point.far_target for point in table.rows[0].points]
    for row in table.rows:
        found += [row.images, row.slope, row.shift, row.calibration_error]
        for point in row.points:
            found += [point.threshold, point.far_low95, point.far_upper95, point.frr]
    for condition in table.conditions:
        found += [*condition.mean, *condition.direction]
        for own in condition.rows:
            found.append(own.limit)
            for pair in zip(own.above, own.frr, strict=True):
                found += pair
    return np.array(found, np.float64)


class Core:
    """The core's enrollment as a library."""

    def __init__(self, library: Path) -> None:
        self.c = ctypes.CDLL(str(library))
        self.c.fe_enroll_doubles.restype = ctypes.c_int64
        self.c.fe_table_numbers.restype = ctypes.c_int64
        self.c.fe_moved_likeness.restype = ctypes.c_double

    def enroll(
        self,
        embeddings: Float32Array,
        table: CalibrationTable,
        cohort: Float32Array,
        identities: Int32Array | None,
        *,
        most: int = 20,
        far: float = 0.0,
    ) -> Enrolled:
        """Enroll a person by embeddings (K, D); MemoryError where the core refuses the sizes."""
        x, people = np.ascontiguousarray(embeddings, np.float32), np.ascontiguousarray(cohort, np.float32)
        who = None if identities is None else np.ascontiguousarray(identities, np.int32)
        numbers = flat_table(table)
        asked = _Asked(x.ctypes.data, *x.shape, most, far)
        asked.table = _Table(len(table.rows), len(table.rows[0].points), len(table.conditions), numbers.ctypes.data)
        asked.cohort = _Cohort(people.ctypes.data, None if who is None else who.ctypes.data, len(people))
        assert self.c.fe_table_numbers(ctypes.byref(asked.table), ctypes.c_int64(x.shape[1])) == len(numbers)
        doubles = self.c.fe_enroll_doubles(ctypes.byref(asked))
        if doubles < 0:
            raise MemoryError
        memory = _spaces(doubles)
        found = _Enrolled()
        self.c.fe_enroll(ctypes.byref(asked), _address(memory), ctypes.byref(found))
        assert memory[-1] == UNTOUCHED
        return _copied(found, *x.shape, len(table.rows[0].points))

    def fingerprint(self, crop: UInt8Array) -> Float64Array:
        """What copies of an aligned crop are found by: the pixels in even light, and those of both blurred faces."""
        half = np.ascontiguousarray(resize_grey(crop, HALF)[0])
        found, work = _spaces(HALF_PIXELS + 2 * FACE_PIXELS), _spaces(2 * HALF_PIXELS)
        self.c.fe_take_fingerprint(*map(_address, (half, found, work)))
        assert found[-1] == work[-1] == UNTOUCHED
        return found[:-1]

    def moved_likeness(self, photo: Float64Array, other: Float64Array, mirrored: bool) -> float:
        """The correlation of the faces of two fingerprints after the motion between them."""
        work = _spaces(2 * HALF_PIXELS)
        found = self.c.fe_moved_likeness(_address(photo), _address(other), int(mirrored), _address(work))
        assert work[-1] == UNTOUCHED
        return float(found)

    def same_photo(self, photo: Float64Array, other: Float64Array) -> bool:
        """Whether two fingerprints are of one photo."""
        work = _spaces(2 * HALF_PIXELS)
        return bool(self.c.fe_same_photo(_address(photo), _address(other), _address(work)))


def _spaces(count: int) -> Float64Array:
    """Memory for `count` doubles, and one more that must stay UNTOUCHED."""
    return np.full(count + 1, UNTOUCHED)


def _address(array: UInt8Array | Float64Array) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


def _copied(found: _Enrolled, count: int, size: int, points: int) -> Enrolled:
    def array(pointer: Any, length: int) -> Any:
        return np.ctypeslib.as_array(pointer, (length,)).copy()

    own: BoolArray = array(found.mismatched, count).astype(bool)
    link = found.calibrated
    return Enrolled(
        fault=FAULTS[found.fault],
        mismatched=tuple(np.flatnonzero(own).tolist()),
        kept=array(found.kept, count)[: found.samples].tolist(),
        points=array(link.points, 5 * points).reshape(points, 5),
        direction=array(found.direction, size),
        weight=array(found.weight, size),
        **{name: getattr(link, name) for name in ("chosen", "condition", "slope", "shift", "error", "frr_before")},
        **{
            name: getattr(found, name)
            for name in ("threshold", "refused", "passed", "passed_people", "likeness", "nearness")
        },
    )


def build_core(folder: Path, *flags: str) -> Core:
    """The core compiled into `folder`; the test is skipped without a compiler."""
    if not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    target = folder / "libcore.so"
    files = [str(EXT / f"{name}.c") for name in SOURCES]
    command = ["cc", "-O3", "-std=c99", "-ffp-contract=off", "-shared", "-fPIC", *flags, *files, "-o", str(target)]
    subprocess.run(command, check=True)
    return Core(target)
