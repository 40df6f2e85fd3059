"""Arguments of `detect`, the size of its input, and choosing one of several faces."""

import numpy as np
import pytest

from facedge.errors import InputError
from facedge.faces.detect import Face, choose, detect, input_side, largest_first


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


@pytest.mark.parametrize(
    ("longer", "min_face", "side"),
    [(1280, 0.075, 320), (1280, 96, 320), (1280, 0.0375, 640), (1280, 0.5, 128), (640, 1, 4096), (50, 400, 128)],
)
def test_the_input_follows_the_smallest_face(longer: int, min_face: float, side: int) -> None:
    assert input_side(longer, min_face) == side


@pytest.mark.parametrize("min_face", [0, -1, float("nan"), float("inf")])
def test_impossible_smallest_faces_are_refused(min_face: float) -> None:
    with pytest.raises(InputError, match="min_face"):
        detect(np.zeros((10, 10, 3), np.uint8), min_face=min_face)


@pytest.mark.parametrize(
    "photo",
    [
        np.zeros((4, 4)),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
        [[1, 2]],
        7,
    ],
)
def test_what_is_no_photo_is_refused(photo: object) -> None:
    with pytest.raises(InputError, match="photo"):
        detect(photo)  # type: ignore[arg-type]


def test_scores_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="min_score"):
        detect(np.zeros((10, 10, 3), np.uint8), min_score=1.5)
