"""Degradations that draw on landmarks or change the frame: what they change, and that a seed repeats them."""

from collections.abc import Callable

import numpy as np
import pytest

from facedge.dataset.degradations import (
    backlit,
    dark,
    dark_glasses,
    infrared,
    masked,
    motion_blur,
    noisy,
    rotation,
    stretched,
    tight_crop,
    turned,
)
from facedge.types import UInt8Array

LANDMARKS = np.array([(68, 111), (108, 111), (87, 134), (70, 152), (104, 152)], np.float32)
CHANGES: dict[str, Callable[[UInt8Array], UInt8Array]] = {
    "rotation": lambda image: rotation(image, 20),
    "motion blur": lambda image: motion_blur(image, 9),
    "noise": lambda image: noisy(image, 20, np.random.default_rng(1)),
    "dark": lambda image: dark(image, 0.2, np.random.default_rng(1)),
    "infrared": lambda image: infrared(image, LANDMARKS, np.random.default_rng(1)),
    "backlit": lambda image: backlit(image, LANDMARKS, 0.3),
    "mask": lambda image: masked(image, LANDMARKS, np.random.default_rng(1)),
    "dark glasses": lambda image: dark_glasses(image, LANDMARKS),
}


@pytest.fixture(params=["grey", "rgb"])
def photo(request: pytest.FixtureRequest) -> UInt8Array:
    image = np.random.default_rng(0).integers(60, 200, (218, 178, 3), dtype=np.uint8)
    return image if request.param == "rgb" else image[:, :, 0].copy()


@pytest.mark.parametrize("name", list(CHANGES))
def test_shape_and_type_stay_and_a_seed_repeats(name: str, photo: UInt8Array) -> None:
    before = photo.copy()
    changed, again = CHANGES[name](photo), CHANGES[name](photo)
    assert (changed.shape, changed.dtype) == (photo.shape, np.uint8)
    assert (changed != photo).any()
    np.testing.assert_array_equal(changed, again)
    np.testing.assert_array_equal(photo, before)


def test_the_whole_frame_turns_and_stretches(photo: UInt8Array) -> None:
    np.testing.assert_array_equal(turned(turned(photo, 90), 270), photo)
    np.testing.assert_array_equal(turned(photo, 180), photo[::-1, ::-1])
    assert stretched(photo, 0.5).shape[:2] == (218, 89)


def test_a_tight_crop_ends_at_the_face(photo: UInt8Array) -> None:
    cut = tight_crop(photo, LANDMARKS)
    np.testing.assert_array_equal(cut, photo[65:177, 46:130])


def test_motion_blur_moves_light_along_rows_only() -> None:
    image = np.zeros((9, 178), np.uint8)
    image[4, 80] = 200
    blurred = motion_blur(image, 5)
    assert blurred[4, 78:83].tolist() == [40] * 5
    assert blurred.sum() == 200


def test_mask_and_glasses_cover_their_own_part_of_the_face(photo: UInt8Array) -> None:
    mask, glasses = masked(photo, LANDMARKS, np.random.default_rng(2)), dark_glasses(photo, LANDMARKS)
    np.testing.assert_array_equal(mask[:115], photo[:115])
    assert np.ptp(mask[145:160, 75:100]) == 0
    assert (glasses[105:117, 62:74] == 22).all()
    np.testing.assert_array_equal(glasses[130:], photo[130:])


def test_light_from_behind_darkens_the_face_and_brightens_the_rest(photo: UInt8Array) -> None:
    lit = backlit(photo, LANDMARKS, 0.3)
    assert lit[120:145, 75:100].mean() < 0.6 * photo[120:145, 75:100].mean()
    assert lit[:20, :20].mean() > photo[:20, :20].mean()
