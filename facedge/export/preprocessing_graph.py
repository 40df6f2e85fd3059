"""The preprocessing as ONNX nodes: any H and W, the very bits of facedge.preprocessing.

The names follow facedge/preprocessing/_reference.py, which explains the formula. Its two cases are one here: with
lengths doubled, an axis covers `length = 2 max(span, 256 S)` around each output's centre. Weights are made inside the
graph, in int64, from the image's shape; they and all sums stay below 2^24, so the float32 MatMuls are exact in any
order. Only the pixels that the box touches are read, so a tight crop costs what it covers.
"""

from dataclasses import dataclass

import numpy as np

from facedge.export.graph_builder import GraphBuilder
from facedge.preprocessing._reference import GREY_MIDDLE, GREY_SCALE, LUMA_ONE, WEIGHT_ONE
from facedge.preprocessing.spec import FRACTION, FRAME_HEIGHT, FRAME_WIDTH, LUMA, PreprocessSpec


@dataclass(frozen=True)
class _Axis:
    """One axis of the image, as names in the graph (all int64)."""

    first: str  # () the pixels [first, last) carry weight
    last: str  # ()
    unit: str  # () length of a pixel
    start: str  # (1, S) where each output begins
    length: str  # () of what an output covers


def add_preprocessing(g: GraphBuilder, spec: PreprocessSpec, image: str, *, to: str) -> str:
    """`image` uint8 (N, H, W, 3) -> `to` float32 (N, 1, S, S), as preprocess(image, spec) gives it."""
    shape = g.op("Shape", image)
    x0, y0, x1, y1 = spec.crop
    rows = _axis(g, spec.size, g.op("Gather", shape, g.i64(1)), (y0, y1), FRAME_HEIGHT)
    columns = _axis(g, spec.size, g.op("Gather", shape, g.i64(2)), (x0, x1), FRAME_WIDTH)
    vertical = g.op("Transpose", _weights(g, spec.size, rows, colour=False), perm=[1, 0])  # (S, h)
    horizontal = _weights(g, spec.size, columns, colour=True)  # (w * 3, S)
    lines = g.cast(_lines(g, image, rows, columns), np.float32)  # (N, h, w * 3)
    v = g.op("MatMul", vertical, lines)  # (N, S, w * 3), at most 255 * 4096
    m = g.op("Floor", g.op("Mul", g.op("Add", v, g.f32(128)), g.f32(1 / 256)))  # (v + 128) >> 8
    total = g.op("MatMul", m, horizontal)  # (N, S, S), grey times 65536
    normal = g.op("Mul", g.op("Sub", total, g.f32(GREY_MIDDLE)), g.f32(GREY_SCALE))
    return g.op("Unsqueeze", normal, g.i64([1]), to=to)


def _axis(g: GraphBuilder, size: int, pixels: str, crop: tuple[int, int], frame: int) -> _Axis:
    """The geometry of one axis of `pixels` (): PreprocessSpec.box_for, then where each of `size` outputs begins."""
    begin, end = (_corner(g, pixels, corner, frame) for corner in crop)
    span = g.op("Sub", end, begin)
    unit = g.i64(2 * FRACTION * size)
    length = g.op("Mul", g.op("Max", span, g.i64(FRACTION * size)), g.i64(2))
    centres = g.op("Mul", span, g.i64([[2 * o + 1 for o in range(size)]]))  # (1, S), less the box's corner
    corner = g.op("Mul", begin, g.i64(2 * size))
    start = g.op("Sub", g.op("Add", centres, corner), g.op("Div", length, g.i64(2)))
    farthest = g.op("Sub", g.op("Mul", pixels, unit), length)
    start = g.op("Clip", start, g.i64(0), farthest)  # taps beyond the border become the border's
    first = g.op("Div", g.op("Gather", g.op("Squeeze", start, g.i64([0])), g.i64(0)), unit)
    end_of_last = g.op("Add", g.op("Gather", g.op("Squeeze", start, g.i64([0])), g.i64(size - 1)), length)
    last = g.op("Div", g.op("Add", end_of_last, g.i64(2 * FRACTION * size - 1)), unit)
    return _Axis(first, last, unit, start, length)


def _corner(g: GraphBuilder, pixels: str, corner: int, frame: int) -> str:
    """round(corner * pixels / frame), halves up, in 1/256 pixel."""
    return g.op("Div", g.op("Add", g.op("Mul", pixels, g.i64(2 * corner)), g.i64(frame)), g.i64(2 * frame))


def _weights(g: GraphBuilder, size: int, axis: _Axis, *, colour: bool) -> str:
    """float32 ((last - first) * channels, S): the weight of each channel of each pixel in each output."""
    edges = g.op("Range", axis.first, g.op("Add", axis.last, g.i64(1)), g.i64(1))
    at = g.op("Unsqueeze", g.op("Mul", edges, axis.unit), g.i64([1]))  # (n + 1, 1)
    covered = g.op("Clip", g.op("Sub", at, axis.start), g.i64(0), axis.length)  # (n + 1, S)
    doubled = g.op("Mul", axis.length, g.i64(2))
    cumulative = g.op("Mul", covered, g.i64(2 * WEIGHT_ONE))
    cumulative = g.op("Div", g.op("Add", cumulative, axis.length), doubled)  # rounded, halves up
    if colour:
        cumulative = _split(g, cumulative)  # (n + 1, 3, S)
    before = g.op("Slice", cumulative, g.i64([0]), g.i64([-1]), g.i64([0]))
    after = g.op("Slice", cumulative, g.i64([1]), g.i64([2**31]), g.i64([0]))
    return g.cast(g.op("Reshape", g.op("Sub", after, before), g.i64([-1, size])), np.float32)


def _split(g: GraphBuilder, units: str) -> str:
    """Of the first `units` of each weight, those that are red, green and blue: (n, S) -> (n, 3, S)."""
    red, green, blue = LUMA
    reds = g.op("Add", g.op("Mul", units, g.i64(2 * red)), g.i64(LUMA_ONE))
    reds = g.op("Div", reds, g.i64(2 * LUMA_ONE))
    rest = g.op("Sub", units, reds)
    greens = g.op("Add", g.op("Mul", rest, g.i64(2 * green)), g.i64(green + blue))
    greens = g.op("Div", greens, g.i64(2 * (green + blue)))
    blues = g.op("Sub", rest, greens)
    return g.op("Concat", *(g.op("Unsqueeze", name, g.i64([1])) for name in (reds, greens, blues)), axis=1)


def _lines(g: GraphBuilder, image: str, rows: _Axis, columns: _Axis) -> str:
    """uint8 (N, h, w * 3): the pixels that carry weight, a row's channels side by side."""
    zero = g.i64([0])
    starts = g.op("Concat", *(g.op("Unsqueeze", a.first, zero) for a in (rows, columns)), axis=0)
    ends = g.op("Concat", *(g.op("Unsqueeze", a.last, zero) for a in (rows, columns)), axis=0)
    part = g.op("Slice", image, starts, ends, g.i64([1, 2]))
    return g.op("Reshape", part, g.i64([0, 0, -1]))
