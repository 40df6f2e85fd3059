"""What every metric demands of its inputs, said once."""

from typing import Any

import numpy as np
import numpy.typing as npt

from facedge.errors import InputError

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


def scores_1d(values: npt.ArrayLike, what: str) -> FloatArray:
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


def same_length(a: npt.NDArray[Any], b: npt.NDArray[Any], what: str) -> None:
    """Refuse arrays that do not belong together."""
    if len(a) != len(b):
        raise InputError(f"{what} must have one entry a row, got {len(a)} and {len(b)}")
