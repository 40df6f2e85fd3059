"""From a photo to one crop: sizes that count as aligned, the choice among faces, and every reason for none."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

import facedge.alignment
import facedge.detection
from facedge.detection import Face
from facedge.errors import InputError
from facedge.preprocessing.spec import LANDMARKS
from facedge.runtime.locate import is_aligned, locate

PHOTO = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
Faces = Callable[[list[Face]], None]


def face(left: float, top: float, width: float) -> Face:
    points = np.float32(LANDMARKS) / 178 * width + [left, top]
    return Face((left, top, left + width, top + width), points.astype(np.float32), 0.9)


@pytest.fixture
def faces(monkeypatch: pytest.MonkeyPatch) -> Faces:
    def put(found: list[Face]) -> None:
        monkeypatch.setattr(facedge.detection, "detect", lambda image: found)

    return put


@pytest.mark.parametrize("shape", [(218, 178, 3), (109, 89, 3), (218, 178), (109, 89)])
def test_celeba_sizes_count_as_aligned(shape: tuple[int, ...]) -> None:
    image = np.zeros(shape, np.uint8)
    assert is_aligned(image)
    assert locate(image).crop is image


@pytest.mark.parametrize("shape", [(178, 218, 3), (217, 178, 3), (436, 356, 3), (64, 64)])
def test_other_sizes_do_not(shape: tuple[int, ...], faces: Faces) -> None:
    faces([])
    assert not is_aligned(np.zeros(shape, np.uint8))
    assert locate(np.zeros(shape, np.uint8)).reason == "no_face"


def test_the_caller_may_say_what_it_is(faces: Faces) -> None:
    faces([])
    assert locate(PHOTO, aligned=True).crop is PHOTO
    assert locate(np.zeros((218, 178, 3), np.uint8), aligned=False).reason == "no_face"


def test_a_face_is_aligned_and_reported(faces: Faces) -> None:
    faces([face(100, 50, 200)])
    found = locate(PHOTO)
    assert found.crop is not None
    assert found.crop.shape == (218, 178, 3)
    assert found.box == (100, 50, 300, 250)
    assert found.landmarks is not None
    assert len(found.landmarks) == 5
    assert found.align_ms > 0


@pytest.mark.parametrize(("policy", "left"), [("largest", 20), ("center", 300)])
def test_one_of_several(faces: Faces, policy: str, left: float) -> None:
    faces([face(20, 20, 220), face(300, 180, 90)])
    found = locate(PHOTO, faces=policy)  # type: ignore[arg-type]
    assert found.box is not None
    assert found.box[0] == left


def test_only_refuses_several(faces: Faces) -> None:
    faces([face(20, 20, 220), face(300, 180, 90)])
    assert locate(PHOTO, faces="only").reason == "many_faces"
    faces([face(20, 20, 220)])
    assert locate(PHOTO, faces="only").reason is None


@pytest.mark.parametrize("offset", [5000.0, np.nan])
def test_landmarks_that_cannot_be_are_low_quality(faces: Faces, offset: float) -> None:
    cut = face(100, 50, 200)
    faces([Face(cut.box, cut.landmarks + np.float32(offset), 0.9)])
    found = locate(PHOTO)
    assert (found.crop, found.reason, found.box) == (None, "low_quality", cut.box)


def test_another_policy_is_refused(faces: Faces) -> None:
    faces([face(100, 50, 200)])
    with pytest.raises(InputError, match="smallest"):
        locate(PHOTO, faces="smallest")  # type: ignore[arg-type]


def test_grey_photos_are_photos(faces: Faces) -> None:
    def seen(image: NDArray[np.uint8]) -> tuple[int, ...]:
        crop = locate(image).crop
        assert crop is not None
        return crop.shape

    faces([face(100, 50, 200)])
    assert seen(PHOTO[:, :, 0]) == (218, 178, 3)


def test_the_smallest_face_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def detect(_image: object, **options: object) -> list[object]:
        asked.append(options)
        return []

    monkeypatch.setattr("facedge.detection.detect", detect)
    for min_face in (0.2, None):
        assert locate(np.zeros((300, 300, 3), np.uint8), min_face=min_face).reason == "no_face"
    assert asked == [{"min_face": 0.2}, {}]
