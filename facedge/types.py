"""Types for annotations: arrays by element type, and the callbacks by which long functions report progress.

Arrays are written with `np.ndarray` because importing `numpy.typing` costs milliseconds at every start of the command
line. Shapes stand in the docstring of each function, such as "uint8 (N, H, W, 3)".
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np

AnyArray: TypeAlias = np.ndarray[Any, np.dtype[Any]]
BoolArray: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
UInt8Array: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]
Int32Array: TypeAlias = np.ndarray[Any, np.dtype[np.int32]]
Int64Array: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
IntArray: TypeAlias = np.ndarray[Any, np.dtype[np.integer[Any]]]
Float32Array: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]
Float64Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
Complex128Array: TypeAlias = np.ndarray[Any, np.dtype[np.complex128]]
FloatArray: TypeAlias = np.ndarray[Any, np.dtype[np.floating[Any]]]

Box: TypeAlias = tuple[float, float, float, float]  # left, top, right and bottom in pixels of the image


T = TypeVar("T")

Say: TypeAlias = Callable[[str], None]


class Track(Protocol):
    """Iterate over `items` and show progress under `description`; `total` is their number where `items` has no len."""

    def __call__(self, items: Iterable[T], description: str, total: int | None = None) -> Iterable[T]:
        """The same items."""


def untracked(items: Iterable[T], description: str, total: int | None = None) -> Iterable[T]:
    """A `Track` that shows nothing."""
    return items


def silent(_message: str) -> None:
    """A `Say` that prints nothing."""
