"""What a crop claims: an upright face in its natural proportions. Anything else is turned or refused, with a reason."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedge.faces import plausible
from facedge.faces.align import TARGET
from facedge.faces.boxes import Candidates
from facedge.faces.crop import find_crop, follow_crop
from facedge.faces.detect import turn_back
from facedge.faces.landmarks import Refined
from facedge.faces.options import FaceOptions
from facedge.faces.plausible import (
    CERTAIN_ROLL,
    DOUBT,
    LEAST_DETECTION,
    MOST_ROLL,
    MOST_ROLL_LEFT,
    PHOTO,
    REFUSAL,
    TILE,
    check_face,
    is_tilted,
    median_stretch,
    roll,
    squeeze_fault,
    stretch,
)
from facedge.faces.yunet import Detector
from facedge.imaging import load_rgb
from facedge.types import Float32Array, FloatArray, UInt8Array

FRAME = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
FACE = TARGET * 1.5 + 100
ASPECT = 0.766  # of a natural face's box: ln 0.766 * 1.25 + 0.37 is about nothing
AS_IT_COMES = FaceOptions(turn=False)  # as the frames of a camera are searched


def tilted(points: FloatArray, degrees: float) -> FloatArray:
    """Points turned clockwise about their mean."""
    angle = math.radians(degrees)
    rotation = np.array([(math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle))])
    return (points - points.mean(axis=0)) @ rotation.T + points.mean(axis=0)


class Scores:
    """A detector that finds the face of each of the four copies with the given score and tilt."""

    def __init__(self, *scores: float, tilt: float = 0.0) -> None:
        middles = np.array([(0.5, 0.5), (1.5, 0.5), (0.5, 1.5), (1.5, 1.5)]) * TILE
        boxes = np.concatenate([middles - 37, middles + 37], axis=1).astype(np.float32)
        pattern = tilted(TARGET * 0.9, tilt)
        points = np.stack([pattern - pattern.mean(axis=0) + middle for middle in middles]).astype(np.float32)
        self.found = Candidates(boxes, points, np.array(scores, np.float32))

    def candidates(self, planes: Float32Array, min_score: float) -> Candidates:
        assert planes.shape == (1, 3, 2 * TILE, 2 * TILE)
        return self.found.take(np.flatnonzero(self.found.scores >= min_score))


def check(
    detector: Scores, aspect: float = ASPECT, *, detection: float = 0.94, turned: int = 0, tilt: float = 0.0
) -> str | None:
    face = Refined(tilted(FACE, tilt - turned).astype(np.float32), aspect)
    return check_face(FRAME, face, detection, turned, detector=detector).fault  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((0.9, 0.8, 0.7, 0.8), True),
        ((0.9, 0.0, 0.0, 0.0), True),
        ((0.8, 0.9, 0.7, 0.8), False),
        ((0.8, 0.7, 0.9, 0.8), False),
        ((0.8, 0.7, 0.8, 0.9), False),
        ((0.9, 0.9, 0.1, 0.1), False),  # undecided is not upright
        ((0.0, 0.0, 0.0, 0.0), False),
    ],
)
def test_the_highest_of_four_turns_is_upright(scores: tuple[float, ...], expected: bool) -> None:
    assert check(Scores(*scores)) == (None if expected else "rotated")


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_tilt_that_remains_is_not_upright(sign: int) -> None:
    scores = (0.9, 0.1, 0.1, 0.1)
    assert check(Scores(*scores, tilt=sign * (MOST_ROLL_LEFT - 1))) is None
    assert check(Scores(*scores, tilt=sign * (MOST_ROLL_LEFT + 1))) == "rotated"


@pytest.mark.parametrize("tilt", [-CERTAIN_ROLL - 2, 0.0, CERTAIN_ROLL + 2])
@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_a_tilted_or_turned_face_must_be_found_with_certainty(turned: int, tilt: float) -> None:
    """Heads tilted by 45 degrees were found upside down in the turned photo, and accepted each other."""
    upright = Scores(0.9, 0.1, 0.1, 0.1)
    assert check(upright, turned=turned, tilt=tilt, detection=LEAST_DETECTION) is None
    doubtful = turned != 0 or tilt != 0
    assert check(upright, turned=turned, tilt=tilt, detection=0.7) == ("rotated" if doubtful else None)


@pytest.mark.parametrize(
    ("width", "fault"), [(1.0, None), (0.5, "distorted"), (2.0, "distorted"), (math.nan, "distorted")]
)
def test_proportions_have_limits(width: float, fault: str | None) -> None:
    assert check(Scores(0.9, 0.1, 0.1, 0.1), ASPECT * width) == fault


@pytest.mark.parametrize("degrees", [-179, -90, -30, 0, 20, 90, 135])
def test_roll_is_clockwise(degrees: float) -> None:
    assert roll(tilted(FACE, degrees)) == pytest.approx(degrees)


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
@pytest.mark.parametrize("tilt", [-MOST_ROLL - 1, -MOST_ROLL + 1, 0, MOST_ROLL - 1, MOST_ROLL + 1])
def test_roll_counts_in_the_photo_as_it_was_turned(turned: int, tilt: float) -> None:
    assert is_tilted(tilted(FACE, tilt - turned), turned) == (abs(tilt) > MOST_ROLL)


def test_stretch_grows_with_the_width_of_face_and_box() -> None:
    widths = (0.5, 0.75, 1.0, 1.33, 2.0)
    found = [stretch(Refined((FACE * [width, 1]).astype(np.float32), ASPECT * width)) for width in widths]
    assert found == sorted(found)
    assert found[2] == pytest.approx(0, abs=0.05)
    assert [value < PHOTO[0] for value in found] == [True, True, False, False, False]
    assert [value > PHOTO[1] for value in found] == [False, False, False, True, True]


def test_stretch_does_not_depend_on_place_size_or_tilt() -> None:
    plain = stretch(Refined(FACE.astype(np.float32), ASPECT))
    moved = (tilted(FACE, 20) * 2 + 7).astype(np.float32)
    assert stretch(Refined(moved, ASPECT)) == pytest.approx(plain, abs=1e-4)


def test_a_turned_head_is_no_squeezed_one() -> None:
    """The eyes of a turned head come nearer to each other; how far the nose lies beside them makes up for it."""
    turned = FACE.copy()
    turned[[0, 3], 0] += 8
    narrow = stretch(Refined(turned.astype(np.float32), ASPECT))
    turned[2, 0] += 16
    assert stretch(Refined(turned.astype(np.float32), ASPECT)) > narrow


def test_several_photos_show_what_one_does_not() -> None:
    assert median_stretch([-0.2]) == 0.0  # one photo has its own limit
    assert median_stretch([0.0, -0.2, -0.2, 0.4]) == pytest.approx(-0.1)
    assert squeeze_fault(0.0, REFUSAL) == ""
    assert [squeeze_fault(limit, REFUSAL) for limit in REFUSAL] == ["", ""]
    assert PHOTO[0] < REFUSAL[0] < DOUBT[0] < 0 < DOUBT[1] < REFUSAL[1] < PHOTO[1]


@pytest.mark.parametrize(("stretched", "words"), [(-0.29, "squeezed to 0.75"), (0.29, "stretched to 1.34")])
def test_the_sentence_names_cause_and_remedy(stretched: float, words: str) -> None:
    sentence = squeeze_fault(stretched, REFUSAL)
    assert words in sentence
    assert "--aspect 16:9" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_points_are_turned_back(degrees: int) -> None:
    image = np.zeros((5, 9, 3), np.uint8)
    image[1, 6] = 255
    y, x = np.argwhere(np.rot90(image, -degrees // 90)[..., 0])[0]
    (back,) = turn_back(np.array([[x + 0.5, y + 0.5]]), degrees, image.shape)
    assert back.tolist() == [6.5, 1.5]


# --- real faces ---


def photos(shared_data: Path) -> list[UInt8Array]:
    return [load_rgb(path) for path in sorted((shared_data / "photos").rglob("*.jp*g"))]


def clockwise(image: UInt8Array, degrees: int) -> UInt8Array:
    return np.ascontiguousarray(np.rot90(image, -degrees // 90))


def widened(image: UInt8Array, factor: float) -> UInt8Array:
    height, width = image.shape[:2]
    return np.asarray(Image.fromarray(image).resize((round(width * factor), height), Image.Resampling.BICUBIC))


@pytest.mark.real
@pytest.mark.usefixtures("detector")
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_photos_are_turned_and_cameras_refuse(shared_data: Path, degrees: int) -> None:
    """The same crop as from the upright photo, box and landmarks in pixels of the photo as it came."""
    for image in photos(shared_data):
        upright, turned = find_crop(image), find_crop(clockwise(image, degrees))
        assert upright.crop is not None
        assert turned.crop is not None
        assert (upright.turned, turned.turned) == (0, 360 - degrees)
        assert np.abs(turned.crop.astype(int) - upright.crop).mean() < 0.5
        assert turned.landmarks is not None
        there = turn_back(np.array(turned.landmarks), 360 - degrees, clockwise(image, degrees).shape)
        assert there.shape == (5, 2)
        eyes = np.array(turned.landmarks)[:2].mean(axis=0)
        x0, y0, x1, y1 = turned.box or (0, 0, 0, 0)
        assert x0 < eyes[0] < x1
        assert y0 < eyes[1] < y1
        assert find_crop(clockwise(image, degrees), AS_IT_COMES).reason in ("rotated", "no_face")


@pytest.mark.real
@pytest.mark.usefixtures("detector")
def test_upright_photos_cost_one_more_detector_run(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[tuple[int, ...]] = []
    run = Detector.run
    monkeypatch.setattr(Detector, "run", lambda self, planes: runs.append(planes.shape) or run(self, planes))  # type: ignore[func-returns-value]
    assert find_crop(photos(shared_data)[0]).reason is None
    assert runs[1:] == [(1, 3, 256, 256)] * 2  # the refinement, and the four turns in an input of the same size


@pytest.mark.real
@pytest.mark.usefixtures("detector")
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_squeezed_photos_are_distorted(shared_data: Path, factor: float) -> None:
    reasons = [find_crop(widened(image, factor)).reason for image in photos(shared_data)]
    assert set(reasons) <= {"distorted", "no_face"}


@pytest.mark.real
@pytest.mark.usefixtures("detector")
@pytest.mark.parametrize("factor", [0.67, 0.75, 1.33, 1.5])
def test_the_median_of_photos_shows_a_squeezed_source(shared_data: Path, factor: float) -> None:
    found = [find_crop(widened(image, factor)).stretch for image in photos(shared_data)]
    median = median_stretch(value for value in found if value is not None)
    assert squeeze_fault(median, REFUSAL)
    assert (median > 0) == (factor > 1)


@pytest.mark.real
@pytest.mark.usefixtures("detector")
def test_natural_photos_are_neither(shared_data: Path) -> None:
    found = [find_crop(image) for image in photos(shared_data)]
    assert {one.reason for one in found} == {None}
    median = median_stretch(one.stretch for one in found if one.stretch is not None)
    assert not squeeze_fault(median, DOUBT)


@pytest.mark.real
@pytest.mark.usefixtures("detector")
def test_a_followed_face_keeps_what_was_checked(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = clockwise(photos(shared_data)[0], 90)
    found = find_crop(image)
    again = follow_crop(image, found)
    assert again is not None
    assert (again.turned, again.stretch) == (270, found.stretch)
    monkeypatch.setattr(plausible, "MOST_ROLL", 0.0)
    assert follow_crop(image, found) is None
