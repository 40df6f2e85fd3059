"""Against float64: at most 0.25 grey levels away for photographs, 0.05 for colours, sides of 16 to 4096 pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedge.preprocessing import kernel
from facedge.types import Float64Array, UInt8Array

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def float_weights(pixels: int, outputs: int, begin: float, end: float) -> Float64Array:
    """(outputs, pixels): exact area coverage of a box that is longer than the output, else linear interpolation."""
    edges = np.arange(pixels + 1)
    length = (end - begin) / outputs
    if length >= 1:
        start = begin + length * np.arange(outputs)[:, None]
        return np.diff(np.clip(edges - start, 0, length), axis=1) / length
    centre = np.clip(begin + length * (np.arange(outputs)[:, None] + 0.5) - 0.5, 0, pixels - 1)
    return np.diff(np.clip(edges - centre, 0, 1), axis=1)


def float_resize(image: UInt8Array, box: tuple[float, float, float, float], size: int) -> Float64Array:
    grey = image.astype(np.float64) @ LUMA
    vertical = float_weights(image.shape[0], size, box[1], box[3])
    result: Float64Array = vertical @ grey @ float_weights(image.shape[1], size, box[0], box[2]).T
    return result


def picture(kind: str, height: int, width: int, seed: int) -> UInt8Array:
    rng = np.random.default_rng(seed)
    y, x, c = np.ogrid[:height, :width, :3]
    if kind == "noise":
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if kind == "stripes":
        return np.broadcast_to(255 * ((x + y * 0 + c * 0) % 2), (height, width, 3)).astype(np.uint8)
    if kind == "sawtooth":
        return ((x * 255 // width + y * 3 + c * 80) % 256).astype(np.uint8)
    if kind == "photo":
        return natural(height, width, rng)
    return np.broadcast_to(rng.choice([0, 254, 255], 3).astype(np.uint8), (height, width, 3))  # a pure colour


def natural(height: int, width: int, rng: np.random.Generator) -> UInt8Array:
    """Colour noise whose amplitude falls with frequency as a photograph's does (Field 1987)."""
    y, x = np.meshgrid(np.fft.fftfreq(height) * height, np.fft.rfftfreq(width) * width, indexing="ij")
    spectrum = np.fft.rfft2(rng.normal(size=(3, height, width))) / np.maximum(1, np.hypot(y, x))
    waves = np.moveaxis(np.fft.irfft2(spectrum, s=(height, width)), 0, 2)
    return np.clip(128 + 60 * (waves - waves.mean()) / waves.std(), 0, 255).astype(np.uint8)


def error(image: UInt8Array, box: tuple[int, int, int, int], size: int) -> float:
    """Grey levels between the fastest kernel and float64; box in 1/256 pixel."""
    out = np.empty((1, size, size), np.float32)
    kernel.run(image[None], box, out, kernel.available()[-1])
    exact = float_resize(image, tuple(v / 256 for v in box), size)  # type: ignore[arg-type]
    return float(abs(out[0].astype(np.float64) * 127.5 + 127.5 - exact).max())


Call = tuple[int, int, tuple[int, int, int, int], int, int]


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """height, width, box in 1/256 pixel (a pixel or longer), output size, seed; up to 1.2 million pixels."""
    long = draw(st.one_of(st.integers(16, 300), st.integers(16, 4096)))
    short = draw(st.integers(16, 300))
    height, width = (long, short) if draw(st.booleans()) else (short, long)
    x0, y0 = draw(st.integers(0, 256 * width - 256)), draw(st.integers(0, 256 * height - 256))
    x1, y1 = draw(st.integers(x0 + 256, 256 * width)), draw(st.integers(y0 + 256, 256 * height))
    box = draw(st.sampled_from([(x0, y0, x1, y1), (0, 0, 256 * width, 256 * height)]))
    return height, width, box, draw(st.integers(8, 160)), draw(st.integers(0, 2**32))


@settings(max_examples=60, deadline=None)
@given(calls(), st.sampled_from(["photo", "flat"]))
def test_photographs_and_colours_are_within_a_quarter_of_a_level_at_any_shape(call: Call, kind: str) -> None:
    height, width, box, size, seed = call
    assert error(picture(kind, height, width, seed), box, size) <= (0.05 if kind == "flat" else 0.25)


@settings(max_examples=60, deadline=None)
@given(calls(), st.sampled_from(["noise", "stripes", "sawtooth"]))
def test_no_picture_is_further_off_than_the_weights_rounding(call: Call, kind: str) -> None:
    """Patterns of one pixel can follow the rounding of the weights: the more taps, the further. This bounds it."""
    height, width, box, size, seed = call
    taps = 3 * (max(1, (box[2] - box[0]) / 256 / size) + 2) + max(1, (box[3] - box[1]) / 256 / size) + 2
    assert error(picture(kind, height, width, seed), box, size) <= 0.04 + 255 * taps / 4096


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["noise", "stripes", "sawtooth", "flat", "photo"])
@pytest.mark.parametrize(("side", "size"), [(16, 64), (64, 64), (218, 64), (218, 112), (900, 112), (1800, 64)])
def test_square_pictures_of_any_kind_stay_within_a_quarter_of_a_level(kind: str, side: int, size: int) -> None:
    image = picture(kind, side, side, side)
    assert error(image, (0, 0, 256 * side, 256 * side), size) <= 0.25


@pytest.mark.parametrize("shrink", [2, 3, 4, 8, 16, 32, 64])
def test_pure_colours_survive_whole_reductions(shrink: int) -> None:
    """Where a pixel has a whole number of weight units, rounding its channels alone was off the same way each time."""
    for colour in [(255, 0, 0), (0, 255, 0), (0, 0, 255)]:
        image = np.broadcast_to(np.array(colour, np.uint8), (8 * shrink, 8 * shrink, 3))
        assert error(image, (0, 0, 2048 * shrink, 2048 * shrink), 8) <= 0.05
