"""Equal bits: every implementation against the numpy reference, which is itself held to the definition in fractions."""

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedge.preprocessing import PreprocessSpec, kernel, preprocess, reference, resize_grey
from facedge.preprocessing.spec import LUMA
from facedge.types import Int64Array, UInt8Array

COMPILED = [name for name in kernel.available() if name != "numpy"]
LAYOUTS = ("packed", "rgba", "bgr", "abgr", "planar", "sparse", "flipped", "mirrored", "grey", "grey column")


def exact_weights(pixels: int, outputs: int, begin: int, end: int) -> list[list[int]]:
    """The definition of a weight in fractions: each output's, pixel after pixel."""
    length, result = Fraction(end - begin, 256), []
    for o in range(outputs):
        if length >= outputs:
            start, covered = Fraction(begin, 256) + o * length / outputs, length / outputs
        else:
            start = Fraction(begin, 256) + (o + Fraction(1, 2)) * length / outputs - Fraction(1, 2)
            start, covered = min(max(start, Fraction(0)), Fraction(pixels - 1)), Fraction(1)
        until = [min(max((x - start) / covered, Fraction(0)), Fraction(1)) for x in range(pixels + 1)]
        rounded = [int(4096 * c + Fraction(1, 2)) for c in until]
        result.append([after - before for before, after in pairwise(rounded)])
    return result


def dense_weights(pixels: int, outputs: int, begin: int, end: int, *, colour: bool = False) -> Int64Array:
    """The reference's taps as one matrix, int64 (outputs, pixels, channels), mostly zeros."""
    first, banded = reference.taps(pixels, outputs, begin, end, colour=colour)
    dense = np.zeros((outputs, pixels + banded.shape[1], banded.shape[2]), dtype=np.int64)
    columns = first[:, None] + np.arange(banded.shape[1])
    dense[np.arange(outputs)[:, None], columns] = banded
    return dense[:, :pixels]


@st.composite
def axes(draw: st.DrawFn) -> tuple[int, int, int, int]:
    pixels = draw(st.integers(1, 24))
    outputs = draw(st.integers(1, 16))
    begin = draw(st.integers(0, pixels * 256 - 1))
    return pixels, outputs, begin, draw(st.integers(begin + 1, pixels * 256))


@given(axes())
def test_the_reference_weights_are_the_definition_in_fractions(axis: tuple[int, int, int, int]) -> None:
    grey = dense_weights(*axis)[:, :, 0]
    assert grey.tolist() == exact_weights(*axis)
    assert (grey.sum(axis=1) == 4096).all()
    colour = dense_weights(*axis, colour=True)
    np.testing.assert_array_equal(colour.sum(axis=2), grey)
    assert (colour >= 0).all()
    assert (colour.sum(axis=1) == (1225, 2404, 467)).all()  # the luma in 4096ths, whatever the geometry


def test_the_colours_of_a_weight_are_evenly_mixed() -> None:
    units = np.arange(4097)
    found = reference.split(units)
    steps = np.diff(found, axis=0)
    assert ((steps == 0) | (steps == 1)).all()
    assert (steps.sum(axis=1) == 1).all()
    assert abs(found - units[:, None] * np.array(LUMA) / 65536).max() < 1


def test_at_the_size_where_both_cases_apply_they_agree() -> None:
    """A box as long as the output, not on whole pixels: area coverage is linear interpolation."""
    begin = 3 * 256 + 77
    area = dense_weights(20, 10, begin, begin + 2560)[:, :, 0]
    centre = begin / 256 + np.arange(10)
    taps = np.maximum(0, 1 - abs(np.arange(20) - centre[:, None])) * 4096
    assert abs(area - taps).max() <= 0.5


def laid_out(layout: str, shape: tuple[int, int, int], seed: int) -> UInt8Array:
    """(N, H, W, C) random pixels, in memory as people have them."""
    n, h, w = shape
    big = np.random.default_rng(seed).integers(0, 256, (n, 2 * h + 1, 2 * w + 1, 4), dtype=np.uint8)
    small = big[:, :h, :w]
    views = {
        "packed": np.ascontiguousarray(small[..., :3]),
        "rgba": small[..., :3],
        "bgr": np.ascontiguousarray(small[..., :3])[..., ::-1],
        "abgr": small[..., :0:-1],
        "planar": np.moveaxis(np.ascontiguousarray(np.moveaxis(small[..., :3], 3, 1)), 1, 3),
        "sparse": big[:, 1::2, 1::2, 1:4],
        "flipped": np.ascontiguousarray(small[..., :3])[::-1, ::-1],
        "mirrored": np.ascontiguousarray(small[..., :3])[:, :, ::-1],
        "grey": np.ascontiguousarray(small[..., :1]),
        "grey column": small[..., 2:3],
    }
    view: UInt8Array = views[layout]
    assert view.shape[:3] == shape
    return view


@st.composite
def calls(draw: st.DrawFn) -> tuple[UInt8Array, tuple[int, int, int, int], tuple[int, int]]:
    """A batch in some layout, a box in 1/256 pixel, an output size."""
    side = st.one_of(st.integers(1, 40), st.integers(1, 200))
    shape = draw(st.integers(1, 3)), draw(side), draw(side)
    images = laid_out(draw(st.sampled_from(LAYOUTS)), shape, draw(st.integers(0, 2**32)))
    if draw(st.booleans()):
        images = np.where(images > 99, np.uint8(255), images)
    x0, y0 = draw(st.integers(0, shape[2] * 256 - 1)), draw(st.integers(0, shape[1] * 256 - 1))
    x1, y1 = draw(st.integers(x0 + 1, shape[2] * 256)), draw(st.integers(y0 + 1, shape[1] * 256))
    return images, (x0, y0, x1, y1), (draw(st.integers(1, 70)), draw(st.integers(1, 70)))


@pytest.mark.skipif(not COMPILED, reason="no compiled kernel here")
@settings(max_examples=300, deadline=None)
@given(calls())
def test_every_kernel_gives_the_bits_of_the_reference(call: Any) -> None:
    images, box, size = call
    total = reference.accumulate(images, box, *size)
    for name in COMPILED:
        floats = np.empty((len(images), *size), np.float32)
        kernel.run(images, box, floats, name)
        np.testing.assert_array_equal(floats, reference.normalise(total), strict=True, err_msg=name)
        grey = np.empty(floats.shape, np.uint8)
        kernel.run(images, box, grey, name)
        np.testing.assert_array_equal(grey, reference.to_bytes(total), strict=True, err_msg=name)


EXTREMES = [
    # height, width, box in pixels or None, output height and width
    (1, 1, None, (8, 8)),
    (1, 1, None, (512, 512)),
    (1, 16384, None, (8, 8)),
    (16384, 1, None, (8, 8)),
    (16384, 3, None, (4096, 1)),
    (2, 16384, None, (1, 4096)),
    (300, 700, None, (512, 512)),
    (218, 178, None, (112, 112)),
    (218, 178, (24, 60, 152, 188), (64, 64)),
    (109, 89, None, (218, 178)),
    (64, 64, (10, 10, 10 + 1 / 256, 10 + 1 / 256), (8, 8)),
    (64, 64, (0, 63, 64, 64), (33, 9)),
    (50, 50, (0.5, 0.25, 49.75, 49.5), (49, 49)),
]


@pytest.mark.parametrize(("height", "width", "box", "size"), EXTREMES)
def test_extreme_sizes_give_the_bits_of_the_reference(
    implementation: str, height: int, width: int, box: Any, size: tuple[int, int]
) -> None:
    rng = np.random.default_rng(height * width)
    images = rng.integers(0, 256, (1, height, width, 3), dtype=np.uint8)
    fixed = [round(256 * v) for v in box or (0, 0, width, height)]
    expected = reference.to_bytes(reference.accumulate(images, tuple(fixed), *size))  # type: ignore[arg-type]
    np.testing.assert_array_equal(resize_grey(images, size, box=box), expected, strict=True)


def test_the_largest_frame_is_summed_without_overflow(implementation: str) -> None:
    if implementation == "numpy":
        pytest.skip("200 MB of white take the reference too long; its integers have 64 bits")
    white = np.broadcast_to(np.uint8(255), (16384, 16384, 3))  # one byte, seen 805 million times
    assert (resize_grey(white[:, :4096], (8, 8)) == 255).all()


@pytest.mark.parametrize("value", [0, 1, 127, 128, 254, 255])
@pytest.mark.parametrize("size", [8, 64, 112, 200])
def test_a_flat_image_keeps_its_value_exactly(implementation: str, value: int, size: int) -> None:
    flat = np.full((90, 178, 3), value, np.uint8)
    assert (resize_grey(flat, (size, size)) == value).all()
    spec = PreprocessSpec(size=size)
    expected = np.float32(value * 65536 - 8355840) * np.float32(1 / 8355840)
    assert (preprocess(flat, spec, box=(3.3, 4.4, 150.1, 88.8)) == expected).all()


def test_black_and_white_are_minus_one_and_one(implementation: str) -> None:
    both = np.stack([np.zeros((218, 178, 3), np.uint8), np.full((218, 178, 3), 255, np.uint8)])
    out = preprocess(both)
    assert out.shape == (2, 1, 64, 64)
    assert out.dtype == np.float32
    assert (out[0] == -1).all()
    assert (out[1] == 1).all()


@given(st.integers(0, 2**32), st.integers(1, 120), st.integers(1, 120), st.integers(8, 80))
@settings(max_examples=40, deadline=None)
def test_grey_gives_the_bits_of_the_same_grey_in_three_channels(seed: int, height: int, width: int, size: int) -> None:
    grey = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    spec = PreprocessSpec(size=size)
    box = (0, 0, width, height)
    three = np.repeat(grey[..., None], 3, axis=2)
    np.testing.assert_array_equal(preprocess(grey, spec, box=box), preprocess(three, spec, box=box), strict=True)


def test_a_resize_to_its_own_size_is_the_luma(implementation: str) -> None:
    rng = np.random.default_rng(5)
    grey = rng.integers(0, 256, (30, 40), dtype=np.uint8)
    np.testing.assert_array_equal(resize_grey(grey, (30, 40))[0], grey)
    rgb = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    luma = rgb @ np.array([0.299, 0.587, 0.114])
    assert abs(resize_grey(rgb, (30, 40))[0] - luma).max() < 0.75  # half a level of rounding, and 12-bit weights


@pytest.mark.parametrize("offset", [0, 1, 5, 15])
@pytest.mark.parametrize("size", [112, 113])
def test_large_outputs_that_bypass_the_caches_have_the_same_bits(implementation: str, size: int, offset: int) -> None:
    """More than 8 MiB, wherever in a cache line it begins, in rows of whole cache lines (112) and not (113)."""
    images = np.random.default_rng(offset).integers(0, 256, (170, 130, 119, 3), dtype=np.uint8)
    spec, box, values = PreprocessSpec(size=size), (0, 0, 119, 130), 170 * size * size
    memory = np.full(values + 48, 9, np.float32)
    first = -memory.ctypes.data % 64 // 4 + offset
    out = memory[first : first + values].reshape(170, 1, size, size)
    preprocess(images, spec, box=box, out=out)
    np.testing.assert_array_equal(out, np.concatenate([preprocess(image, spec, box=box) for image in images]))
    assert (memory[:first] == 9).all()
    assert (memory[first + values :] == 9).all()
