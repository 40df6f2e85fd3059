"""The .npy files of a bundle: read without pickle, checked against their shapes."""

import io
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from facedge.bundle.json_fields import REPAIR
from facedge.errors import BundleError
from facedge.types import AnyArray

ENROLLED = "enrolled.npy"  # float32 (K, D): the embeddings a person was enrolled with, for `facedge enroll --update`

# NumPy's NEP 1: magic, version, length of the header, then the header, a Python dictionary of three entries.
MAGIC = b"\x93NUMPY"
LENGTH_BYTES = {b"\x01\x00": 2, b"\x02\x00": 4, b"\x03\x00": 4}  # of the header's length, by version
MOST_HEADER_BYTES = 10_000  # as numpy's own reader
_ENTRY = re.compile(
    r"'(descr|fortran_order|shape)':"
    r"('[<>|](?:b1|[iu][1248]|f[248])'|True|False|\(\)|\([0-9]{1,18},\)|\([0-9]{1,18}(?:,[0-9]{1,18})+,?\)),?"
)


def read_array(name: str, data: bytes) -> AnyArray:
    """The array in the bytes of a .npy file called `name`, of booleans, integers or floats.

    Raises BundleError for anything else, for Fortran order, big-endian values, and bytes missing or left over.
    """
    try:
        dtype, fortran_order, shape, start = _header(data)
    except ValueError as problem:
        raise BundleError(f"{name} is not a plain .npy array ({problem}): {REPAIR}") from problem
    if fortran_order or dtype.byteorder == ">":
        raise BundleError(f"{name} is not in C order and little-endian: {REPAIR}")
    size = math.prod(shape) * dtype.itemsize
    if size > len(data) - start:
        raise BundleError(f"{name} is not a plain .npy array (cut short): {REPAIR}")
    if size < len(data) - start:
        raise BundleError(f"{name} has bytes after its array: {REPAIR}")
    try:
        return np.frombuffer(data, dtype, math.prod(shape), start).reshape(shape).copy()
    except ValueError as problem:  # an array of more axes than numpy has, or empty with an axis of 10^18
        raise BundleError(f"{name} is not a plain .npy array (shape {shape}): {REPAIR}") from problem


def _header(data: bytes) -> tuple[np.dtype[Any], bool, tuple[int, ...], int]:
    """(dtype, whether in Fortran order, shape, where the values start) of a .npy file; ValueError where it is none."""
    digits = LENGTH_BYTES.get(data[6:8])
    if not data.startswith(MAGIC) or digits is None:
        raise ValueError("no NumPy header")
    begin = 8 + digits
    start = begin + int.from_bytes(data[8:begin], "little")
    if not begin < start <= min(len(data), begin + MOST_HEADER_BYTES):
        raise ValueError("header cut short or too long")
    text = "".join(data[begin:start].decode("latin-1").split())
    entries = dict(_ENTRY.findall(text[1:-1]))
    if text[:1] + text[-1:] != "{}" or _ENTRY.sub("", text[1:-1]) or len(entries) != 3:
        raise ValueError(f"header {text[:60]!r}")
    descr, order, shape = entries["descr"], entries["fortran_order"], entries["shape"]
    if descr[0] != "'" or shape[0] != "(" or order not in ("True", "False"):
        raise ValueError(f"header {text[:60]!r}")
    axes = tuple(int(axis) for axis in shape.strip("(,)").split(",") if axis)
    return np.dtype(descr.strip("'")), order == "True", axes, start


def to_npy(array: AnyArray) -> bytes:
    """The bytes of a .npy file (version 1.0) from which `read_array` gives the same array."""
    target = io.BytesIO()
    np.lib.format.write_array(target, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return target.getvalue()


def check_plain_arrays(files: Mapping[str, bytes]) -> None:
    """BundleError unless every .npy file of a bundle is a plain array."""
    for name, data in files.items():
        if name.endswith(".npy"):
            read_array(name, data)
