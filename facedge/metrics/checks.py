"""Checks that every metric makes on its inputs, and the way a missing figure becomes JSON."""

import math
from typing import TYPE_CHECKING

import numpy as np

from facedge.errors import InputError
from facedge.types import AnyArray, FloatArray

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def scores_1d(values: "ArrayLike", what: str) -> FloatArray:
    """A non-empty, finite, one-dimensional float array (float32 and float64 keep their type)."""
    array = np.asarray(values)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if array.ndim != 1 or array.size == 0:
        raise InputError(f"{what} must be a non-empty one-dimensional array, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{what} hold NaN or infinity: a score must be a finite number")
    return array


def fraction(value: float, what: str) -> float:
    """A number strictly between 0 and 1."""
    if not 0.0 < value < 1.0:
        raise InputError(f"{what} must lie between 0 and 1 (1 % is 0.01), got {value}")
    return float(value)


def same_length(a: AnyArray, b: AnyArray, what: str) -> None:
    """InputError where two arrays have different numbers of rows."""
    if len(a) != len(b):
        raise InputError(f"{what} must have one entry a row, got {len(a)} and {len(b)}")


def finite_or_none(value: float) -> float | None:
    """The value as a float; None for NaN and infinity, which JSON cannot hold."""
    return float(value) if math.isfinite(value) else None
