"""The parallax of the nose: of a drawn pattern whose nose moves, and of one that moves as paper does."""

import math
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from drawn_turn import turned_crop
from head_turns import Surface, bent, folded, head, printed
from presentations import subject_of

from facedge.faces import pose
from facedge.faces.align import align
from facedge.faces.crop import find_crop
from facedge.faces.motion import ACROSS
from facedge.imaging import load_rgb
from facedge.live.challenge import LEAST_PARALLAX
from facedge.live.parallax import FARTHEST, Parallax
from facedge.runtime.verifier import Verifier


def slope(nose: float, yaws: tuple[float, ...] = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.2, 0.1), **paper: float) -> float:
    found = Parallax(turned_crop(0.0), 0.0)
    for yaw in yaws:
        found.add(turned_crop(yaw, nose, **paper), yaw)
    return found.slope


@pytest.mark.parametrize("nose", [0.6, 1.0])
def test_a_nose_that_moves_against_the_face(nose: float) -> None:
    assert slope(nose) == pytest.approx(nose, abs=0.12)
    assert slope(nose, (-0.1, -0.2, -0.3)) == pytest.approx(nose, abs=0.12)


def test_what_paper_does_is_no_parallax() -> None:
    assert abs(slope(0.0)) < 0.05
    assert abs(slope(0.0, across=0.8)) < 0.1  # more the nearer to the middle, as bent about the vertical
    assert abs(slope(0.0, along=0.8)) < 0.1  # more the nearer to the nose's height, as bent about the horizontal
    assert abs(slope(0.0, twist=0.3)) < 0.1


def test_paper_and_nose_together() -> None:
    assert slope(0.8, across=0.6, along=0.4) == pytest.approx(0.8, abs=0.15)


def test_frames_that_are_hardly_or_too_far_turned_do_not_count() -> None:
    assert math.isnan(slope(1.0, (0.01, 0.05, -0.07)))
    assert math.isnan(slope(1.0, (FARTHEST + 0.05,)))


def test_the_size_of_the_crop_does_not_matter() -> None:
    large = [np.repeat(np.repeat(turned_crop(yaw, 0.8), 2, 0), 2, 1) for yaw in (0.0, 0.15, 0.3)]
    found = Parallax(large[0], 0.0)
    for crop, yaw in zip(large[1:], (0.15, 0.3), strict=True):
        found.add(np.stack([crop] * 3, axis=2), yaw)
    assert found.slope == pytest.approx(0.8, abs=0.12)
    assert ACROSS.shape == (109, 89)


@pytest.mark.real
@pytest.mark.slow
def test_a_head_has_it_and_photos_do_not(shared_data: Path, detector: None) -> None:
    subject = subject_of(cast(Verifier, None), load_rgb(shared_data / "photos/me/obama.jpg"))
    assert subject is not None

    def shown(surface: Surface, farthest: int, name: str) -> float:
        found = None
        for degrees in range(0, farthest, 6):
            image = subject.surface(name, surface, degrees)
            seen = find_crop(image, aligned=False)
            assert seen.landmarks is not None
            crop = align(image, np.array(seen.landmarks))
            if found is None:
                found = Parallax(crop, pose.yaw(seen.landmarks))
            found.add(crop, pose.yaw(seen.landmarks))
        assert found is not None
        return found.slope

    assert shown(head(), 37, "head") > LEAST_PARALLAX
    for number, photo in enumerate((bent(1.0), printed(bent(0.8), 1.25), printed(folded(40), 1.3), bent(1.0, 30))):
        assert not shown(photo, 49, f"photo {number}") > LEAST_PARALLAX
