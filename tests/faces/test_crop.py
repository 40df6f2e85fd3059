"""From a photo to one crop: kinds of photos, sizes that count as aligned, the choice among faces, every reason."""

import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import facedge.faces.detect
from facedge.errors import ImageError, InputError
from facedge.faces.align import align, checked_landmarks
from facedge.faces.crop import FaceCrop, find_crop, find_crops, follow_crop, is_aligned, read_photo
from facedge.faces.detect import Face
from facedge.faces.landmarks import Refined, refine
from facedge.faces.options import MIN_FACE, MIN_SCORE, FaceOptions
from facedge.faces.plausible import Checked
from facedge.imaging import load_rgb
from facedge.preprocessing.spec import LANDMARKS
from facedge.types import UInt8Array

PHOTO = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
Faces = Callable[[list[Face]], None]


def face(left: float, top: float, width: float) -> Face:
    points = np.float32(LANDMARKS) / 178 * width + [left, top]
    return Face((left, top, left + width, top + width), points.astype(np.float32), 0.9)


@pytest.fixture
def faces(monkeypatch: pytest.MonkeyPatch) -> Faces:
    def put(found: list[Face]) -> None:
        monkeypatch.setattr(facedge.faces.detect, "detect", lambda image, **options: found)

    found_again = "facedge.faces.landmarks.refine"
    monkeypatch.setattr(
        found_again, lambda image, points, **_: Refined(checked_landmarks(points, *image.shape[:2]), 0.78)
    )
    monkeypatch.setattr("facedge.faces.plausible.check_face", lambda *_face, **_options: Checked(None, 0.0))
    return put


@pytest.mark.parametrize("shape", [(218, 178, 3), (109, 89, 3), (218, 178), (109, 89)])
def test_celeba_sizes_count_as_aligned(shape: tuple[int, ...]) -> None:
    image = np.zeros(shape, np.uint8)
    assert is_aligned(image)
    assert find_crop(image).crop is image


@pytest.mark.parametrize("shape", [(178, 218, 3), (217, 178, 3), (436, 356, 3), (64, 64)])
def test_other_sizes_do_not(shape: tuple[int, ...], faces: Faces) -> None:
    faces([])
    assert not is_aligned(np.zeros(shape, np.uint8))
    assert find_crop(np.zeros(shape, np.uint8)).reason == "no_face"


def test_the_caller_may_say_what_it_is(faces: Faces) -> None:
    faces([])
    assert find_crop(PHOTO, aligned=True).crop is PHOTO
    assert find_crop(np.zeros((218, 178, 3), np.uint8), aligned=False).reason == "no_face"


def test_a_face_is_aligned_and_reported(faces: Faces) -> None:
    faces([face(100, 50, 200)])
    found = find_crop(PHOTO)
    assert found.crop is not None
    assert found.crop.shape == (218, 178, 3)
    assert found.box == (100, 50, 300, 250)
    assert found.landmarks is not None
    assert len(found.landmarks) == 5
    assert found.ms["align"] > 0


@pytest.mark.parametrize(("policy", "left"), [("largest", 20), ("center", 300)])
def test_one_of_several(faces: Faces, policy: str, left: float) -> None:
    faces([face(20, 20, 220), face(300, 180, 90)])
    found = find_crop(PHOTO, FaceOptions(policy=policy))  # type: ignore[arg-type]
    assert found.box is not None
    assert found.box[0] == left


def test_only_refuses_several(faces: Faces) -> None:
    faces([face(20, 20, 220), face(300, 180, 90)])
    assert find_crop(PHOTO, FaceOptions(policy="only")).reason == "many_faces"
    faces([face(20, 20, 220)])
    assert find_crop(PHOTO, FaceOptions(policy="only")).reason is None


@pytest.mark.parametrize("offset", [5000.0, np.nan])
def test_landmarks_that_cannot_be_are_low_quality(faces: Faces, offset: float) -> None:
    cut = face(100, 50, 200)
    faces([Face(cut.box, cut.landmarks + np.float32(offset), 0.9)])
    found = find_crop(PHOTO)
    assert (found.crop, found.reason, found.box) == (None, "low_quality", cut.box)


def test_another_policy_is_refused(faces: Faces) -> None:
    faces([face(100, 50, 200)])
    with pytest.raises(InputError, match="smallest"):
        find_crop(PHOTO, FaceOptions(policy="smallest"))  # type: ignore[arg-type]


def test_grey_photos_are_photos(faces: Faces) -> None:
    def shape_of_crop(image: UInt8Array) -> tuple[int, ...]:
        crop = find_crop(image).crop
        assert crop is not None
        return crop.shape

    faces([face(100, 50, 200)])
    assert shape_of_crop(PHOTO[:, :, 0]) == (218, 178, 3)


def test_the_options_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def detect(_image: object, **options: object) -> list[object]:
        asked.append(options)
        return []

    monkeypatch.setattr("facedge.faces.detect.detect", detect)
    for options in (FaceOptions(min_face=0.2), FaceOptions(min_score=0.9)):
        assert find_crop(np.zeros((300, 300, 3), np.uint8), options).reason == "no_face"
    assert asked == 4 * [{"min_face": 0.2, "min_score": MIN_SCORE, "detector": None}] + 4 * [
        {"min_face": MIN_FACE, "min_score": 0.9, "detector": None}
    ]  # once for each quarter turn


def test_every_face_is_listed(faces: Faces) -> None:
    both = [face(20, 20, 220), face(300, 180, 90)]
    faces(both)
    found = find_crop(PHOTO)
    assert found.faces == tuple(both)
    assert found.face is not None
    assert found.landmarks == tuple((x, y) for x, y in found.face.landmarks.tolist())
    assert find_crop(PHOTO, FaceOptions(policy="only")).faces == tuple(both)


def picture(mode: str) -> Image.Image:
    """A picture with smooth colours, so that a palette holds them, in a mode of Pillow's."""
    y, x = np.mgrid[0:40, 0:60]
    colour = Image.fromarray(np.stack([x * 4, y * 6, x + y], axis=2).astype(np.uint8))
    if mode == "I;16":
        return Image.fromarray((x * y * 20).astype(np.uint16))
    if mode in ("RGBA", "LA"):
        colour = colour.convert(mode)
        colour.putalpha(Image.fromarray((x * 4).astype(np.uint8)))
    return colour.convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA", "LA", "I;16"])
def test_a_pil_image_is_read_as_its_file_is(tmp_path: Path, mode: str) -> None:
    image = picture(mode)
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_photo(image), load_rgb(tmp_path / "a.png"))
    with Image.open(tmp_path / "a.png") as opened:
        np.testing.assert_array_equal(read_photo(opened), load_rgb(tmp_path / "a.png"))


def test_a_palette_with_transparency_is_laid_over_white(tmp_path: Path) -> None:
    picture("P").save(tmp_path / "a.png", transparency=0)
    with Image.open(tmp_path / "a.png") as opened:
        np.testing.assert_array_equal(read_photo(opened), load_rgb(tmp_path / "a.png"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_pil_image_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture("RGB").save(tmp_path / "a.jpg", exif=exif)
    with Image.open(tmp_path / "a.jpg") as opened:
        np.testing.assert_array_equal(read_photo(opened), load_rgb(tmp_path / "a.jpg"))


def test_a_pil_image_of_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    with Image.open(BytesIO(whole[: len(whole) // 2])) as opened, pytest.raises(ImageError, match="cannot be read"):
        read_photo(opened)


@pytest.mark.parametrize("photo", [[[1, 2], [3]], [np.zeros((2, 2)), np.zeros((3, 3))]])
def test_ragged_lists_are_one_sentence(photo: object) -> None:
    with pytest.raises(InputError, match=r"^photo: expected uint8 RGB .* got no array"):
        read_photo(photo)  # type: ignore[arg-type]


def test_a_face_is_followed_only_from_a_face() -> None:
    assert follow_crop(PHOTO, FaceCrop(None, "no_face")) is None
    beyond = face(5000, 5000, 60)
    assert follow_crop(PHOTO, FaceCrop(PHOTO, None, beyond, (beyond,))) is None


@pytest.mark.real
@pytest.mark.usefixtures("detector")
def test_a_crop_is_detect_choose_refine_align(shared_data: Path) -> None:
    photo = load_rgb(shared_data / "photos" / "me" / "obama-720p.jpg")
    found = find_crop(photo)
    assert found.reason is None
    assert found.face is not None
    landmarks = refine(photo, facedge.faces.detect.detect(photo)[0].landmarks).landmarks
    np.testing.assert_array_equal(found.face.landmarks, landmarks)
    np.testing.assert_array_equal(found.crop, align(photo, landmarks))
    again = follow_crop(photo, found)
    assert again is not None
    assert np.abs(again.face.landmarks - landmarks).max() < 5  # type: ignore[union-attr]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_reading_and_searching_for_several_faces_are_timed_once(count: int, faces: Faces) -> None:
    faces([face(20, 20, 200), face(300, 100, 120)][:count])
    found = find_crops(PHOTO, FaceOptions(turn=False))
    assert len(found) == max(1, count)
    assert {"decode", "detect"} <= found[0].ms.keys()
    assert all("decode" not in other.ms for other in found[1:])


def test_a_search_of_every_turn_counts_in_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(image: UInt8Array, **_: object) -> list[Face]:
        time.sleep(0.005)
        return []

    monkeypatch.setattr(facedge.faces.detect, "detect", slow)
    assert find_crops(PHOTO)[0].ms["detect"] >= 4 * 5
