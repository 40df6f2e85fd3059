"""Array types for annotations, named by their element type.

Written with `np.ndarray` because importing `numpy.typing` costs milliseconds at every start of the command line.
Shapes stand in the docstring of each function, such as "uint8 (N, H, W, 3)".
"""

from typing import Any, TypeAlias

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
