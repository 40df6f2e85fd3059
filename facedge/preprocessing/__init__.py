"""Pixels to the network's input: one definition, many engines, the same bits.

`preprocess` makes the network's input, `resize_grey` the uint8 version of the same integers. The definition is
`PreprocessSpec` (what) and `_reference.py` (its meaning, in numpy integers); a C kernel does the work where it could
be compiled. Nothing here imports more than numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facedge.preprocessing import _arrays, _kernels, _run
from facedge.preprocessing.spec import FRAME_HEIGHT, FRAME_WIDTH, LANDMARKS, PreprocessSpec

if TYPE_CHECKING:
    from facedge.preprocessing._types import ArrayLike, Bytes, Floats

__all__ = [
    "FRAME_HEIGHT",
    "FRAME_WIDTH",
    "LANDMARKS",
    "PreprocessSpec",
    "implementation_name",
    "preprocess",
    "resize_grey",
]

_DEFAULT = PreprocessSpec()


def preprocess(
    rgb: ArrayLike,
    spec: PreprocessSpec = _DEFAULT,
    *,
    box: tuple[float, float, float, float] | None = None,
    out: Floats | None = None,
    threads: int = 1,
) -> Floats:
    """Images -> float32 (N, 1, S, S), S = spec.size: grey (BT.601), antialiased resize, -1..1.

    rgb: uint8 (H, W, 3) or (N, H, W, 3) RGB, or (H, W), (N, H, W) or (N, H, W, 1) grey; sides of 1 to 16384
        pixels, any strides (no copy is made), anything numpy reads as an array.
    box: x0, y0, x1, y1 of the part to use, in pixels, rounded to 1/256; None takes spec.crop, scaled to the image,
        which is then expected to be aligned in CelebA geometry.
    out: where to write, float32 (N, 1, S, S), C-contiguous images; returned. None allocates.
    threads: how many threads share the images of a batch; 1 starts none.

    Raises InputError where an argument is none of this.
    """
    images = _arrays.as_images(rgb)
    size = spec.size
    scaled = spec.box_for(*images.shape[1:3])
    corners = _arrays.inside(scaled, images) if box is None else _arrays.fixed_box(box, images)
    target = _arrays.output(out, (len(images), 1, size, size), np.dtype(np.float32), images)
    _run.run(images, corners, target[:, 0], _kernels.chosen(), threads)
    return target


def resize_grey(
    images: ArrayLike,
    size: tuple[int, int] = (FRAME_HEIGHT, FRAME_WIDTH),
    *,
    box: tuple[float, float, float, float] | None = None,
    out: Bytes | None = None,
    threads: int = 1,
) -> Bytes:
    """Images -> uint8 (N, height, width) grey: the integers of `preprocess`, rounded to bytes.

    size: height and width of the output, 1 to 4096 each, square or not. box: None takes the whole image.
    images, box, out and threads otherwise as in `preprocess`.
    """
    source = _arrays.as_images(images)
    height, width = _arrays.output_size(size)
    corners = _arrays.whole_box(source) if box is None else _arrays.fixed_box(box, source)
    target = _arrays.output(out, (len(source), height, width), np.dtype(np.uint8), source)
    _run.run(source, corners, target, _kernels.chosen(), threads)
    return target


def implementation_name() -> str:
    """What runs: "numpy", "portable", "avx2", "avx512" or "neon"; FACEDGE_KERNEL forces one."""
    return _kernels.chosen()
