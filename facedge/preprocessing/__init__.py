"""Pixels to the network's input: one definition, many engines, the same bits.

`spec` is the definition, `reference` its meaning in numpy integers, `kernel` the public functions and the choice of
implementation. This package imports numpy and the compiled kernel only.
"""

from facedge.preprocessing.kernel import implementation_name, preprocess, resize_grey
from facedge.preprocessing.spec import FRAME_HEIGHT, FRAME_WIDTH, LANDMARKS, PreprocessSpec

__all__ = [
    "FRAME_HEIGHT",
    "FRAME_WIDTH",
    "LANDMARKS",
    "PreprocessSpec",
    "implementation_name",
    "preprocess",
    "resize_grey",
]
