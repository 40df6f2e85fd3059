"""Enrolling in C by ctypes, photos of drawn people for it, and the comparison with what Python makes of them."""

import ctypes
import dataclasses
import io
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from libfacedge import (
    OK,
    Library,
    Photo,
)
from PIL import Image

from facedge.bundle import read_bundle, write_bundle
from facedge.bundle.resolve import pretrained
from facedge.demo.synthetic_dataset import synthetic_face
from facedge.runtime.check import check_bundle
from facedge.runtime.verifier import load
from facedge.types import UInt8Array

SEED, PEOPLE = 5, (13, 1, 23)  # drawn people whom the shipped bundle tells apart


class EnrollOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("far", ctypes.c_double),
        ("samples", ctypes.c_int64),
        ("frames", ctypes.c_int),
    ]


class Enrolled(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("photos", ctypes.c_int64),
        ("samples", ctypes.c_int64),
        ("threshold", ctypes.c_double),
        ("far_target", ctypes.c_double),
        ("far_low95", ctypes.c_double),
        ("far_upper95", ctypes.c_double),
        ("frr", ctypes.c_double),
        ("refused_samples", ctypes.c_int64),
        ("condition", ctypes.c_char_p),
        ("stretch", ctypes.c_double),
        ("near_others", ctypes.c_int),
        ("one_moment", ctypes.c_int),
    ]


class Person:
    """An enrollment in C."""

    def __init__(self, library: Library, base: ctypes.c_void_p, **options: Any) -> None:
        self.c, self.why, self.handle = library.c, ctypes.create_string_buffer(512), ctypes.c_void_p()
        asked = EnrollOptions(
            ctypes.sizeof(EnrollOptions), *(options.get(name, 0) for name in ("far", "samples", "frames"))
        )
        self.status = self.c.facedge_enroll_begin(
            base, ctypes.byref(asked), ctypes.byref(self.handle), self.why, len(self.why)
        )

    def add(self, photo: Photo) -> str | None:
        fault = ctypes.c_char_p()
        status = self.c.facedge_enroll_add(
            self.handle, ctypes.byref(photo), None, ctypes.byref(fault), self.why, len(self.why)
        )
        assert status == OK, self.why.value
        return fault.value.decode() if fault.value else None

    def save(self, path: Path, replace: bool = False) -> tuple[int, Enrolled]:
        found = Enrolled(ctypes.sizeof(Enrolled))
        where = (str(path).encode(), None, int(replace))
        return self.c.facedge_enroll_save(self.handle, *where, ctypes.byref(found), self.why, len(self.why)), found

    def end(self) -> None:
        self.c.facedge_enroll_end(self.handle)


@cache
def drawn(person: int, shot: int) -> UInt8Array:
    """An aligned crop, uint8 (218, 178, 3)."""
    with Image.open(io.BytesIO(synthetic_face(SEED, person, shot)[0])) as image:
        return np.asarray(image.convert("RGB"))


def between(person: int, shot: int, other: int) -> UInt8Array:
    """The mean of two shots: nearly the same picture as the first, and no copy of it."""
    return ((drawn(person, shot).astype(np.uint16) + drawn(person, other) + 1) // 2).astype(np.uint8)


def crops(person: int, count: int, first: int = 0) -> list[UInt8Array]:
    return [drawn(person, first + shot) for shot in range(count)]


def assert_same(ours: Path, theirs: Path, probes: Sequence[UInt8Array]) -> None:
    """Both bundles hold the same samples, evidence and threshold, and decide the same about the probes."""
    failed = [finding for finding in check_bundle(ours) if not finding.ok]
    assert not failed
    one, other = read_bundle(ours), read_bundle(theirs)
    assert one.files["enrolled.npy"] == other.files["enrolled.npy"]
    assert set(one.files) == set(other.files)
    assert one.manifest.threshold == pytest.approx(other.manifest.threshold, abs=1e-6)
    found, expected = (dataclasses.asdict(bundle.manifest.calibration) for bundle in (one, other))
    points = zip(found.pop("points"), expected.pop("points"), strict=True)
    assert found == expected
    for mine, point in points:
        assert mine == pytest.approx(point, abs=1e-6)
    figures, wanted = (bundle.manifest.metrics["enrollment"] for bundle in (one, other))
    for key, figure in figures.items():
        close = key in ("sample_likeness", "source_percentile") and figure is not None
        assert figure == (pytest.approx(wanted[key], abs=1e-6) if close else wanted[key]), key
    mine_, their = load(ours), load(theirs)
    for probe in probes:
        a, b = mine_.verify(probe), their.verify(probe)
        assert (a.accepted, a.reason) == (b.accepted, b.reason)
        if b.score is not None:
            assert a.score == pytest.approx(b.score, abs=1e-5)


def with_table(path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """The shipped bundle with a changed calibration.json."""
    shipped = read_bundle(pretrained())
    table = json.loads(shipped.files["calibration.json"])
    made = change(table)
    content = made if isinstance(made, bytes) else json.dumps(table).encode()
    write_bundle(path, {**shipped.files, "calibration.json": content}, shipped.manifest)
    return path
