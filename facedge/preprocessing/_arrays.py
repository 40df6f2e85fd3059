"""Arguments of the public functions, checked and brought to one form without copying pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from facedge.errors import InputError
from facedge.preprocessing.spec import FRACTION, Box

if TYPE_CHECKING:
    from facedge.preprocessing._types import Array, ArrayLike, Bytes

MAX_SIDE = 16384  # pixels of an image; sums of the reference and the kernel are proven up to here
MAX_OUTPUT = 4096


def as_images(source: ArrayLike) -> Bytes:
    """A view (N, H, W, C), C = 3 or 1, of whatever the caller handed over."""
    array = np.asarray(source)
    if array.dtype != np.uint8:
        raise InputError(f"images are uint8 arrays of 0 to 255, not {array.dtype}: convert them first")
    view = _four_axes(array)
    height, width = view.shape[1:3]
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise InputError(f"images have sides of 1 to {MAX_SIDE} pixels, not {width}x{height} (width x height)")
    return view


def _four_axes(array: Bytes) -> Bytes:
    if array.ndim == 4 and array.shape[3] in (1, 3):
        return array
    if array.ndim == 3 and array.shape[2] == 3:
        return array[None]
    if array.ndim == 3 and array.shape[2] not in (1, 2, 4):  # those are RGBA and the like, not tiny grey images
        return array[..., None]
    if array.ndim == 2:
        return array[None, :, :, None]
    raise InputError(
        f"images are (H, W, 3) or (N, H, W, 3) RGB, or (H, W), (N, H, W) or (N, H, W, 1) grey, not {array.shape}: "
        "of RGBA take [..., :3]"
    )


def whole_box(images: Bytes) -> Box:
    """The box of the whole image, in 1/256 pixel."""
    return 0, 0, images.shape[2] * FRACTION, images.shape[1] * FRACTION


def fixed_box(box: Any, images: Bytes) -> Box:
    """x0, y0, x1, y1 in pixels -> 1/256 pixel, rounded half up; InputError unless it is a box inside the image."""
    try:
        corners = [float(v) for v in box]
    except (TypeError, ValueError) as problem:
        raise InputError(f"a box is four numbers x0, y0, x1, y1 in pixels, not {box!r}") from problem
    if len(corners) != 4 or not all(math.isfinite(v * FRACTION) for v in corners):
        raise InputError(f"a box is four finite numbers x0, y0, x1, y1 in pixels, not {box!r}")
    x0, y0, x1, y1 = (math.floor(v * FRACTION + 0.5) for v in corners)
    return inside((x0, y0, x1, y1), images)


def inside(box: Box, images: Bytes) -> Box:
    """The box (1/256 pixel) itself, or InputError where it is empty or leaves the image."""
    height, width = images.shape[1:3]
    x0, y0, x1, y1 = box
    told = tuple(v / FRACTION for v in box)
    if x0 >= x1 or y0 >= y1:
        raise InputError(f"the box {told} is empty: x0 < x1 and y0 < y1 by at least 1/{FRACTION} pixel")
    if min(x0, y0) < 0 or x1 > width * FRACTION or y1 > height * FRACTION:
        raise InputError(f"the box {told} is partly outside the {width}x{height} image: clip it first")
    return box


def output_size(size: Any) -> tuple[int, int]:
    """(height, width) of an output, checked."""
    ok = isinstance(size, (tuple, list)) and len(size) == 2
    if not ok or any(isinstance(v, bool) or not isinstance(v, (int, np.integer)) for v in size):
        raise InputError(f"an output size is two integers (height, width), not {size!r}")
    height, width = int(size[0]), int(size[1])
    if not (1 <= height <= MAX_OUTPUT and 1 <= width <= MAX_OUTPUT):
        raise InputError(f"an output has sides of 1 to {MAX_OUTPUT} pixels, not {size!r}")
    return height, width


def output(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], images: Bytes) -> Array:
    """The caller's `out`, checked, or a new array."""
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray) or out.dtype != dtype or out.shape != shape:
        got = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise InputError(f"out is a {dtype} array {shape}, not {got}")
    if not out.flags.writeable:
        raise InputError("out is not writable: pass an array of your own")
    if len(out) and not out[0].flags.c_contiguous:
        raise InputError("each image of out must be C-contiguous (strides between images are free)")
    if np.may_share_memory(out, images):
        raise InputError("out overlaps the images it is made from: pass another array")
    return out
