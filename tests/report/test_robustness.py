"""Degraded photos keep their shape and type, and are degraded as much as was asked."""

import numpy as np
import pytest

from facedge.dataset.degradations import blur, brightness, covered, jpeg, low_resolution, rotation
from facedge.report.robustness import DEGRADATIONS, Degradation


@pytest.fixture
def photo() -> np.ndarray:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:218, :178]
    return np.clip(120 + 60 * np.sin(x / 9) + 30 * np.cos(y / 13) + rng.normal(0, 8, (218, 178)), 0, 255).astype(
        np.uint8
    )


@pytest.mark.parametrize("degradation", DEGRADATIONS, ids=lambda d: d.name)
def test_every_level_gives_a_grey_photo_of_the_same_size(degradation: Degradation, photo: np.ndarray) -> None:
    before = photo.copy()
    for level in degradation.levels:
        degraded = degradation.apply(photo, level)
        assert (degraded.shape, degraded.dtype) == (photo.shape, np.uint8)
        assert (degraded != photo).any() or level == degradation.clean
    np.testing.assert_array_equal(photo, before)


@pytest.mark.parametrize("degradation", [d for d in DEGRADATIONS if d.clean is not None], ids=lambda d: d.name)
def test_the_clean_level_changes_nothing(degradation: Degradation, photo: np.ndarray) -> None:
    assert degradation.clean is not None
    np.testing.assert_array_equal(degradation.apply(photo, degradation.clean), photo)


def test_brightness_multiplies_and_clips() -> None:
    assert brightness(np.array([[10, 200]], np.uint8), 1.5).tolist() == [[15, 255]]


def test_a_rotation_and_its_opposite_cancel(photo: np.ndarray) -> None:
    smooth = blur(photo, 2)
    there_and_back = rotation(rotation(smooth, 15), -15)
    assert np.abs(there_and_back[60:200, 40:140].astype(int) - smooth[60:200, 40:140]).mean() < 2


def test_worse_levels_are_worse(photo: np.ndarray) -> None:
    def loss(degraded: np.ndarray) -> float:
        return float(np.square(degraded.astype(float) - photo).mean())

    for apply, milder, harder in ((blur, 1, 5), (jpeg, 90, 5), (low_resolution, 89, 16)):
        assert loss(apply(photo, milder)) < loss(apply(photo, harder))


def test_halves_cover_the_face_between_them(photo: np.ndarray) -> None:
    left, right, lower, upper = (covered(photo, part) for part in range(4))
    assert ((left == 127) | (right == 127)).all()
    assert ((lower == 127) | (upper == 127)).all()
    np.testing.assert_array_equal(left[:, 90:], photo[:, 90:])
    np.testing.assert_array_equal(upper[140:], photo[140:])
