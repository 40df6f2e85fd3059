"""libfacedge by ctypes: its structs and calls, for the tests of deploy/c."""

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from facedge.runtime.verifier import Verifier
from facedge.types import UInt8Array

HOST = Path(__file__).resolve().parents[2] / "deploy" / "c"
RGB, BGR, RGBA, BGRA, GREY, NV12 = range(6)
OK, BAD_ARGUMENT, BAD_BUNDLE, NOT_ENROLLED, NO_ENGINE, NO_MEMORY, NO_DETECTOR = range(7)
NO_SAMPLES, OCCUPIED, NO_STORAGE = range(7, 10)


def build(target: Path, *settings: str) -> Path:
    """The C host in a folder of its own; the test is skipped without make or a compiler."""
    if not shutil.which("make") or not shutil.which("cc"):
        pytest.skip("building the C host needs make and a C compiler")
    subprocess.run(["make", "-s", f"OUT={target}", *settings], cwd=HOST, check=True)
    return target


class Photo(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("pixels", ctypes.c_void_p),
        ("height", ctypes.c_int64),
        ("width", ctypes.c_int64),
        ("row_stride", ctypes.c_ssize_t),
        ("format", ctypes.c_int),
        ("rotation", ctypes.c_int),
        ("chroma", ctypes.c_void_p),
        ("chroma_stride", ctypes.c_ssize_t),
    ]


class Face(ctypes.Structure):
    _fields_ = [("box", ctypes.c_double * 4), ("landmarks", ctypes.c_float * 10), ("detection", ctypes.c_float)]


class Result(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("accepted", ctypes.c_int),
        ("score", ctypes.c_float),
        ("threshold", ctypes.c_double),
        ("reason", ctypes.c_char_p),
        ("has_face", ctypes.c_int),
        ("face", Face),
        ("faces", ctypes.c_int64),
        ("turned", ctypes.c_int),
        ("stretch", ctypes.c_double),
    ]


class Options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("onnxruntime", ctypes.c_char_p),
        ("detector", ctypes.c_char_p),
        ("threads", ctypes.c_int),
        ("precision", ctypes.c_int),
    ]


class Search(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("policy", ctypes.c_int),
        ("min_face", ctypes.c_double),
        ("min_score", ctypes.c_double),
        ("turn", ctypes.c_int),
        ("aligned", ctypes.c_int),
    ]


class Image(ctypes.Structure):
    _fields_ = [
        ("pixels", ctypes.c_void_p),
        ("height", ctypes.c_int64),
        ("width", ctypes.c_int64),
        ("row_stride", ctypes.c_ssize_t),
    ]


class Decision(ctypes.Structure):
    _fields_ = [
        ("accepted", ctypes.c_int),
        ("score", ctypes.c_float),
        ("threshold", ctypes.c_double),
        ("reason", ctypes.c_char_p),
    ]


class File(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("data", ctypes.c_char_p), ("size", ctypes.c_size_t)]


def search(policy: str = "largest", turn: bool = True, aligned: int = 0, min_face: float = 0.075) -> Search:
    kinds = ("largest", "center", "only")
    return Search(ctypes.sizeof(Search), kinds.index(policy), min_face, 0.6, turn, aligned)


def photo_of(pixels: UInt8Array, kind: int = RGB, rotation: int = 0) -> Photo:
    pixels = np.ascontiguousarray(pixels)
    size, at, row = ctypes.sizeof(Photo), pixels.ctypes.data, pixels.strides[0]
    photo = Photo(size, at, *pixels.shape[:2], row, kind, rotation, None, 0)
    photo.kept = pixels  # ctypes keeps no reference to the bytes behind an address
    return photo


class Library:
    """The shared library, by ctypes."""

    def __init__(self, path: Path, onnxruntime_library: str, detector: Path | None) -> None:
        self.c = ctypes.CDLL(str(path))
        self.why = ctypes.create_string_buffer(512)
        self.options = Options(
            ctypes.sizeof(Options), onnxruntime_library.encode(), str(detector).encode() if detector else None, 1, 0
        )

    def open(self, bundle: Path) -> ctypes.c_void_p:
        handle = ctypes.c_void_p()
        status = self.c.facedge_open(
            str(bundle).encode(), ctypes.byref(self.options), ctypes.byref(handle), self.why, 512
        )
        assert status == OK, self.why.value
        return handle

    def verify(self, handle: ctypes.c_void_p, photo: Photo, how: Search | None = None) -> Result:
        result = Result(ctypes.sizeof(Result))
        why = ctypes.create_string_buffer(512)
        chosen = ctypes.byref(how) if how else None
        status = self.c.facedge_verify_photo(handle, ctypes.byref(photo), chosen, ctypes.byref(result), why, 512)
        assert status == OK, why.value
        return result

    def find(self, handle: ctypes.c_void_p, photo: Photo, how: Search | None = None) -> tuple[Result, UInt8Array]:
        result, crop = Result(ctypes.sizeof(Result)), np.zeros((218, 178, 3), np.uint8)
        chosen = ctypes.byref(how) if how else None
        at = crop.ctypes.data_as(ctypes.c_void_p)
        status = self.c.facedge_find_face(handle, ctypes.byref(photo), chosen, ctypes.byref(result), at, self.why, 512)
        assert status == OK, self.why.value
        return result, crop


def score_of(verifier: Verifier, crop: UInt8Array) -> float:
    return float(verifier.score(verifier.embed(crop[None]))[0])


def run(command: Sequence[object], env: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), env=env, cwd=folder, capture_output=True, text=True, check=False)
