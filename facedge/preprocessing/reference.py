"""The meaning of facedge's preprocessing, in plain numpy integers; also the fallback where no kernel was compiled.

Every engine (the C kernel, an ONNX graph, JavaScript) gives these bits. One formula covers both cases of an axis:
output o collects the image from `start[o]` on, for `length`, in units of which a pixel is `unit` long. Its cumulative
weight up to pixel edge x is

    c = clamp(unit x - start[o], 0, length) / length                     an exact fraction, 0 to 1

and a weight is the difference of two neighbouring *rounded* cumulatives, round(4096 c): each output's weights sum to
4096 by themselves.

- area (the box is at least as long as the output): `length` is the part of the box that an output covers. The
  weights are the exact area average with fractional coverage.
- linear (it is shorter): `length` is one pixel, `start` the position of the output's centre among the pixels'
  centres, clamped at the border. The cumulative then gives the two taps of a linear interpolation.

On the horizontal axis the 4096 units of an output's weight also get a colour each, R, G or B, evenly mixed in the
proportions of the luma (`split`). A pixel's units, counted by colour, are the weights of its channels. That folds the
grey into the weights; a grey image gets the bits of the same grey in three channels; and as the mix runs on from pixel
to pixel, no colour is favoured (rounding each pixel's channels by itself is off by up to 2 levels on pure colours).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facedge.preprocessing.spec import FRACTION, LUMA, Box

if TYPE_CHECKING:
    from facedge.types import Float32Array, Int64Array, UInt8Array

WEIGHT_ONE = 4096  # a weight of 1
LUMA_ONE = 65536
GREY_MIDDLE = 127 * LUMA_ONE + LUMA_ONE // 2  # 127.5 in units of the accumulator
GREY_SCALE = np.float32(1.0 / GREY_MIDDLE)


def axis(pixels: int, outputs: int, begin: int, end: int) -> tuple[int, Int64Array, int]:
    """(unit, start of each output, length) of one axis; begin and end of the box in 1/256 pixel."""
    span = end - begin
    o = np.arange(outputs, dtype=np.int64)
    if span >= FRACTION * outputs:
        return FRACTION * outputs, begin * outputs + o * span, span
    unit = 2 * FRACTION * outputs
    centre = 2 * begin * outputs + (2 * o + 1) * span - FRACTION * outputs
    return unit, np.clip(centre, 0, (pixels - 1) * unit), unit


def split(units: Int64Array) -> Int64Array:
    """How many of the first `units` (0 to 4096) of a weight are red, green and blue: (..., 3), each monotone."""
    red, green, blue = LUMA
    reds = (2 * red * units + LUMA_ONE) // (2 * LUMA_ONE)
    rest = units - reds
    greens = (2 * green * rest + green + blue) // (2 * (green + blue))
    return np.stack([reds, greens, rest - greens], axis=-1)


def taps(pixels: int, outputs: int, begin: int, end: int, *, colour: bool = False) -> tuple[Int64Array, Int64Array]:
    """(first, weights): output o takes pixels first[o] + 0, 1, ... with int64 weights (outputs, taps, channels).

    channels is 3 for a colour axis, else 1. Each output's weights sum to 4096. Taps beyond the last pixel weigh 0.
    """
    unit, start, length = axis(pixels, outputs, begin, end)
    first = start // unit
    widest = int(np.max((start + length - 1) // unit - first)) + 1
    edges = (first[:, None] + np.arange(widest + 1)) * unit
    covered = np.clip(edges - start[:, None], 0, length)  # (outputs, taps + 1)
    cumulative: Int64Array = (2 * WEIGHT_ONE * covered + length) // (2 * length)  # halves go up
    return first, np.diff(split(cumulative) if colour else cumulative[..., None], axis=1)


def accumulate(images: UInt8Array, box: Box, out_height: int, out_width: int) -> Int64Array:
    """(N, H, W, C) uint8, C = 3 (RGB) or 1 (grey) -> grey times 65536, int64 (N, out_height, out_width)."""
    count, height, width, channels = images.shape
    x0, y0, x1, y1 = box
    first, vertical = taps(height, out_height, y0, y1)
    total = np.zeros((out_height, count, width, channels), dtype=np.int64)
    for o, k in np.argwhere(vertical[:, :, 0]):
        total[o] += vertical[o, k, 0] * images[:, first[o] + k]
    middle = (total + 128) >> 8  # at most 4080
    first, horizontal = taps(width, out_width, x0, x1, colour=channels == 3)
    result = np.zeros((out_width, out_height, count), dtype=np.int64)
    for o, k, c in np.argwhere(horizontal):
        result[o] += horizontal[o, k, c] * middle[:, :, first[o] + k, c]
    return result.transpose(2, 1, 0)


def normalise(total: Int64Array) -> Float32Array:
    """Grey times 65536 -> float32 in -1..1: an exact integer below 2^24, then one rounding."""
    return (total - GREY_MIDDLE).astype(np.float32) * GREY_SCALE


def to_bytes(total: Int64Array) -> UInt8Array:
    """Grey times 65536 -> uint8, halves up."""
    return ((total + LUMA_ONE // 2) >> 16).astype(np.uint8)
