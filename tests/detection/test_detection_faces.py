"""Choosing one of several faces."""

import numpy as np
import pytest

from facedge.detection import Face, choose
from facedge.detection.faces import largest_first
from facedge.errors import InputError


def face(x0: float, y0: float, x1: float, y1: float, score: float = 0.9) -> Face:
    return Face((x0, y0, x1, y1), np.zeros((5, 2), np.float32), score)


LARGE = face(0, 0, 40, 50)
CENTRAL = face(90, 90, 110, 110)
FACES = [CENTRAL, LARGE]


def test_largest_takes_the_largest_box() -> None:
    assert choose(FACES, "largest") is LARGE


def test_center_takes_the_face_nearest_to_the_middle() -> None:
    assert choose(FACES, "center", (200, 200, 3)) is CENTRAL


def test_only_refuses_a_second_face() -> None:
    assert choose(FACES, "only") is None
    assert choose([LARGE], "only") is LARGE


@pytest.mark.parametrize("policy", ["largest", "center", "only"])
def test_no_face_is_none(policy: str) -> None:
    assert choose([], policy, (10, 10)) is None


def test_unknown_policies_and_a_missing_shape_are_errors() -> None:
    with pytest.raises(InputError, match="largest, center, only"):
        choose(FACES, "first")
    with pytest.raises(InputError, match="shape"):
        choose(FACES, "center")


def test_equal_areas_are_ordered_by_score() -> None:
    weak, strong = face(0, 0, 10, 10, 0.7), face(5, 5, 15, 15, 0.8)
    assert largest_first([weak, strong]) == [strong, weak]


def test_an_inverted_box_has_no_area() -> None:
    assert face(10, 10, 0, 20).area == 0
