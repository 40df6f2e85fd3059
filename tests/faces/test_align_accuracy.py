"""The aligner beside a float64 reference of 16 x 16 samples a pixel, and beside OpenCV."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from facedge.faces.align import ONE, TARGET, align, align_reference, sampling_for
from facedge.types import Float64Array, UInt8Array

HEIGHT, WIDTH = 218, 178
SAMPLES = 16
EVERY = (slice(None, None, 7), slice(None, None, 3))  # the pixels that are compared: all of them take long


def supersampled(frame: UInt8Array, m: complex, t: complex) -> Float64Array:
    """The mean of 16 x 16 linear interpolations of each crop pixel in EVERY; m z + t leads from crop to frame."""
    v, u = np.mgrid[:HEIGHT, :WIDTH][(slice(None), *EVERY)]
    source = np.pad(frame, ((1, 1), (1, 1), (0, 0)), mode="edge").astype(np.float64)
    offsets = (np.arange(SAMPLES) + 0.5) / SAMPLES
    total = np.zeros((*v.shape, 3))
    for a in offsets:
        for b in offsets:
            z = m * (u + b + 1j * (v + a)) + t
            x = (z.real + 0.5).clip(0.5, frame.shape[1] + 0.5)
            y = (z.imag + 0.5).clip(0.5, frame.shape[0] + 0.5)
            xi, yi = np.floor(x).astype(int), np.floor(y).astype(int)
            fx, fy = (x - xi)[..., None], (y - yi)[..., None]
            upper = source[yi, xi] * (1 - fx) + source[yi, xi + 1] * fx
            lower = source[yi + 1, xi] * (1 - fx) + source[yi + 1, xi + 1] * fx
            total += upper * (1 - fy) + lower * fy
    return total / SAMPLES**2


def face_at(step: float, degrees: float, height: int, width: int) -> tuple[complex, complex, Float64Array]:
    """A face in the middle of a frame: crop -> frame as m z + t, and its landmarks."""
    m = step * np.exp(1j * np.deg2rad(degrees))
    t = complex(width / 2, height / 2) - m * complex(88, 126)
    z = m * (TARGET[:, 0] + 1j * TARGET[:, 1]) + t
    return m, t, np.stack([z.real, z.imag], axis=1)


def rms(a: NDArray[np.generic], b: Float64Array) -> float:
    return float(np.sqrt(((a[EVERY].astype(np.float64) - b) ** 2).mean()))


def smooth_noise(height: int, width: int, blur: int = 3) -> UInt8Array:
    """Noise with the falling spectrum of a photo: a sum of noises at many scales."""
    random = np.random.default_rng(0)
    total = np.zeros((height, width, 3))
    for level in range(blur + 5):
        coarse = random.normal(0, 2**level, (-(-height >> level) + 1, -(-width >> level) + 1, 3))
        total += coarse.repeat(1 << level, 0).repeat(1 << level, 1)[:height, :width]
    return np.asarray((128 + 50 * total / total.std()).clip(0, 255), np.uint8)


@pytest.mark.parametrize("step", [0.5, 1.0, 2.0, 3.57, 6.0])
@pytest.mark.parametrize("degrees", [7, -30])
def test_the_error_against_the_supersampled_reference_is_small(step: float, degrees: float) -> None:
    frame = smooth_noise(720, 900)
    m, t, landmarks = face_at(step, degrees, 720, 900)
    error = rms(align(frame, landmarks), supersampled(frame, m, t))
    # One sample a pixel, at step 1, keeps the sharpness that the reference averages away.
    assert error < (4.5 if step == 1 else 0.5 if step < 1 else 1.6)


@pytest.mark.parametrize("period", [2, 2.5, 3.5, 4.5, 6])
@pytest.mark.parametrize("degrees", [0, 90, 20])
def test_fine_stripes_do_not_alias_at_four_pixels_a_pixel(period: float, degrees: float) -> None:
    """Stripes too fine for the crop fade as the reference lets them fade; one sample leaves far stronger false ones."""
    line = 127.5 + 127.5 * np.cos(2 * np.pi * np.arange(1200) / period)
    frame = np.broadcast_to(line[None, :, None], (1200, 1200, 3)).round().astype(np.uint8)
    m, t, landmarks = face_at(4.0, degrees, 1200, 1200)
    reference = supersampled(frame, m, t)
    assert rms(align(frame, landmarks), reference) < 12


def test_one_sample_would_alias() -> None:
    """What the test above would find without antialiasing: false stripes of more than 60 levels rms."""
    line = 127.5 + 127.5 * np.cos(2 * np.pi * np.arange(1200) / 4.5)
    frame = np.broadcast_to(line[None, :, None], (1200, 1200, 3)).round().astype(np.uint8)
    m, t, landmarks = face_at(4.0, 0, 1200, 1200)
    single = replace(sampling_for(1 / m, -t / m), samples=1, dx=round(4.0 * ONE))
    out = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    assert rms(align_reference(frame, single, HEIGHT, WIDTH), supersampled(frame, m, t)) > 60
    assert rms(align(frame, landmarks, out=out), supersampled(frame, m, t)) < 12


def test_a_lower_error_than_opencvs_linear_warp() -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is only here to compare with")
    frame = smooth_noise(720, 1280)
    for step in (1.5, 2, 3.57):
        m, t, landmarks = face_at(step, 7, 720, 1280)
        inner = m * (0.5 + 0.5j) + t - (0.5 + 0.5j)
        matrix = np.array([[m.real, -m.imag, inner.real], [m.imag, m.real, inner.imag]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        peer = cv2.warpAffine(frame, matrix, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        reference = supersampled(frame, m, t)
        assert rms(align(frame, landmarks), reference) < 0.5 * rms(peer, reference)


def test_borders_replicate() -> None:
    frame = np.random.default_rng(3).integers(0, 256, (218, 178, 3), np.uint8)
    crop = align(frame, TARGET + np.array([30, 40]))
    np.testing.assert_array_equal(crop[:-40, :-30], frame[40:, 30:])
    np.testing.assert_array_equal(crop[-40:, :-30], np.repeat(frame[-1:, 30:], 40, axis=0))
    np.testing.assert_array_equal(crop[:-40, -30:], np.repeat(frame[40:, -1:], 30, axis=1))


def test_grey_frames_give_grey_crops() -> None:
    grey = smooth_noise(400, 400)[:, :, 0]
    _, _, landmarks = face_at(1.7, 5, 400, 400)
    crop = align(grey, landmarks)
    assert (crop == crop[:, :, :1]).all()
    np.testing.assert_array_equal(crop, align(np.repeat(grey[:, :, None], 3, axis=2), landmarks))
