"""Against float64: at most 0.25 grey levels away, for sides of 16 to 4096 pixels."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedge.preprocessing import _kernels, _run

Floats = npt.NDArray[np.float64]
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def float_weights(pixels: int, outputs: int, begin: float, end: float) -> Floats:
    """(outputs, pixels): exact area coverage of a box that is longer than the output, else linear interpolation."""
    edges = np.arange(pixels + 1)
    length = (end - begin) / outputs
    if length >= 1:
        start = begin + length * np.arange(outputs)[:, None]
        return np.diff(np.clip(edges - start, 0, length), axis=1) / length
    centre = np.clip(begin + length * (np.arange(outputs)[:, None] + 0.5) - 0.5, 0, pixels - 1)
    return np.diff(np.clip(edges - centre, 0, 1), axis=1)


def float_resize(image: npt.NDArray[np.uint8], box: tuple[float, float, float, float], size: int) -> Floats:
    grey = image.astype(np.float64) @ LUMA
    vertical = float_weights(image.shape[0], size, box[1], box[3])
    result: Floats = vertical @ grey @ float_weights(image.shape[1], size, box[0], box[2]).T
    return result


def picture(kind: str, height: int, width: int, seed: int) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    y, x, c = np.ogrid[:height, :width, :3]
    if kind == "noise":
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if kind == "stripes":
        return np.broadcast_to(255 * ((x + y * 0 + c * 0) % 2), (height, width, 3)).astype(np.uint8)
    if kind == "ramp":
        return ((x * 255 // width + y * 3 + c * 80) % 256).astype(np.uint8)
    return np.full((height, width, 3), (255, 0, 254), np.uint8)  # saturated colour


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["noise", "stripes", "ramp", "flat"]),
    height=st.one_of(st.integers(16, 300), st.integers(16, 4096)),
    width=st.integers(16, 300),
    turned=st.booleans(),
    size=st.integers(8, 160),
    corners=st.tuples(*[st.floats(0, 1)] * 4),
    seed=st.integers(0, 2**32),
)
def test_within_a_quarter_of_a_grey_level_of_float64(
    kind: str, height: int, width: int, turned: bool, size: int, corners: tuple[float, ...], seed: int
) -> None:
    if turned:
        height, width = width, height
    image = picture(kind, height, width, seed)
    x0, x1 = sorted(round(256 * width * v) for v in corners[:2])
    y0, y1 = sorted(round(256 * height * v) for v in corners[2:])
    if x1 - x0 < 256 or y1 - y0 < 256:
        x0, y0, x1, y1 = 0, 0, 256 * width, 256 * height
    out = np.empty((1, size, size), np.float32)
    _run.run(image[None], (x0, y0, x1, y1), out, _kernels.available()[-1])
    exact = float_resize(image, (x0 / 256, y0 / 256, x1 / 256, y1 / 256), size)
    assert abs(out[0].astype(np.float64) * 127.5 + 127.5 - exact).max() <= 0.25


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["noise", "stripes", "ramp", "flat"])
@pytest.mark.parametrize("side", [64, 218, 1000, 4000])
@pytest.mark.parametrize("size", [64, 112])
def test_square_pictures_stay_within_the_promise(kind: str, side: int, size: int) -> None:
    image = picture(kind, side, side, side)
    out = np.empty((1, size, size), np.float32)
    _run.run(image[None], (0, 0, 256 * side, 256 * side), out, _kernels.available()[-1])
    exact = float_resize(image, (0, 0, side, side), size)
    assert abs(out[0].astype(np.float64) * 127.5 + 127.5 - exact).max() <= 0.25
