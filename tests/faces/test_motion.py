"""The motion between two aligned faces, on drawn textures that are moved by a known one."""

import numpy as np
import pytest

from facedge.faces.motion import (
    ACROSS,
    ALONG,
    COLUMNS,
    ROWS,
    UNIT,
    MotionModel,
    correlation,
    even_light,
    fit_motion,
    hats,
    mean_around,
)
from facedge.types import Float64Array, UInt8Array

AFFINE = np.stack([np.ones_like(ACROSS), ACROSS, ALONG])
MODEL = MotionModel(AFFINE, AFFINE, np.full(6, 2.0))


def texture(x: Float64Array, y: Float64Array) -> UInt8Array:
    """A smooth pattern at places of the half-scale crop, uint8."""
    rng = np.random.default_rng(3)
    total = np.zeros_like(x)
    for _ in range(40):
        fx, fy = rng.uniform(-0.6, 0.6, 2)
        total += np.cos(fx * x + fy * y + rng.uniform(0, 6.3))
    return np.clip(128 + 18 * total, 0, 255).astype(np.uint8)


def test_an_affine_motion_is_found() -> None:
    weights = np.array([0.08, 0.03, -0.02, -0.06, 0.02, 0.04])
    x = COLUMNS + UNIT * np.tensordot(weights[:3], AFFINE, 1)
    y = ROWS + UNIT * np.tensordot(weights[3:], AFFINE, 1)
    before, after = even_light(texture(x, y)), even_light(texture(COLUMNS, ROWS))
    found = fit_motion(MODEL, before, after)
    assert found.weights == pytest.approx(weights, abs=0.01)
    assert found.likeness > 0.99 > correlation(before, after) + 0.1


def test_light_does_not_matter_and_a_face_without_texture_is_like_nothing() -> None:
    crop = texture(COLUMNS, ROWS)
    darker = np.clip(0.5 * crop + 20 + 0.3 * COLUMNS, 0, 255).astype(np.uint8)
    assert correlation(even_light(crop), even_light(darker)) > 0.97
    assert fit_motion(MODEL, even_light(crop), even_light(np.full_like(crop, 90))).likeness == 0


def test_hats_sum_to_one() -> None:
    found = hats(ACROSS, (-1.0, 0.0, 0.5, 2.0))
    assert found.shape == (4, 109, 89)
    assert found.sum(axis=0) == pytest.approx(1.0)


def test_the_mean_around_a_pixel() -> None:
    image = np.random.default_rng(0).normal(size=(20, 30))
    found = mean_around(image, 2)
    assert found.shape == image.shape
    assert found[7, 9] == pytest.approx(image[5:10, 7:12].mean())
    assert found[0, 0] == pytest.approx(np.pad(image, 2, mode="edge")[:5, :5].mean())
