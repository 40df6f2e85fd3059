"""Frames turned and brought to their true proportions; how "auto" decides, and that it decides once."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedge.camera.adjust import AGREEING, Adjustment, adjusted, parse_adjustment, to_aspect, turned
from facedge.camera.source import Camera
from facedge.camera.streams import open_camera
from facedge.errors import InputError
from facedge.faces.crop import FaceCrop, find_crop
from facedge.faces.options import FaceOptions
from facedge.imaging import load_rgb
from facedge.types import UInt8Array

CORNER = np.zeros((8, 12, 3), np.uint8)
CORNER[0, 0] = 255  # white in the top left corner


@pytest.mark.parametrize(
    ("rotate", "aspect", "expected"),
    [
        ("auto", None, Adjustment(None)),
        ("0", None, Adjustment(0)),
        ("270", "16:9", Adjustment(270, 16 / 9)),
        ("0", "4:3", Adjustment(0, 4 / 3)),
        ("0", "1280x720", Adjustment(0, 16 / 9)),
        ("0", "1.5", Adjustment(0, 1.5)),
    ],
)
def test_what_people_write(rotate: str, aspect: str | None, expected: Adjustment) -> None:
    assert parse_adjustment(rotate, aspect) == expected


@pytest.mark.parametrize("rotate", ["", "45", "-90", "left"])
def test_other_turns_are_one_sentence(rotate: str) -> None:
    with pytest.raises(InputError, match=r"^--rotate: expected one of auto, 0, 90, 180, 270, got"):
        parse_adjustment(rotate)


@pytest.mark.parametrize("aspect", ["", "16:0", "0:9", "wide", "16:9:4", "100:1", "1:100", "nan", "-4:3", "1e3:1"])
def test_other_ratios_are_one_sentence(aspect: str) -> None:
    with pytest.raises(InputError, match=r"^--aspect: expected width:height .* such as 16:9, got"):
        parse_adjustment("0", aspect)


@pytest.mark.parametrize(("degrees", "corner"), [(0, (0, 0)), (90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))])
def test_frames_are_turned_clockwise(degrees: int, corner: tuple[int, int]) -> None:
    image = turned(CORNER, degrees)
    assert image[corner].tolist() == [255, 255, 255]
    assert image.shape == ((8, 12, 3) if degrees % 180 == 0 else (12, 8, 3))


@pytest.mark.parametrize(
    ("shape", "ratio", "expected"),
    [
        ((576, 720), 16 / 9, (576, 1024)),
        ((480, 640), 16 / 9, (480, 853)),
        ((720, 1280), 4 / 3, (960, 1280)),
        ((768, 1366), 16 / 9, (768, 1366)),  # 16:9 but for a rounding
        ((540, 960), 16 / 9, (540, 960)),
    ],
)
def test_the_shorter_side_is_lengthened(shape: tuple[int, int], ratio: float, expected: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    out = to_aspect(image, ratio)
    assert out.shape == (*expected, 3)
    assert out.dtype == np.uint8
    assert np.abs(out.mean(axis=(0, 1)) - image.mean(axis=(0, 1))).max() < 2  # each channel stays where it is


@pytest.fixture
def pictures(tmp_path: Path) -> str:
    for number in range(20):
        Image.fromarray(CORNER).save(tmp_path / f"f{number:02}.png")
    return str(tmp_path)


def images(camera: Camera) -> list[UInt8Array]:
    return [frame.image for frame in iter(camera.next, None)]


def test_a_camera_gives_its_frames_resized_and_then_turned(pictures: str) -> None:
    with adjusted(open_camera(pictures), parse_adjustment("90", "3:1")) as camera:
        found = images(camera)
        assert camera.ended
        assert not camera.live
        assert camera.events() == []
    assert len(found) == 20
    assert found[0].shape == (24, 8, 3)  # 12 x 8 -> 24 x 8, and on its side
    assert found[0][0, -1].tolist() == [255, 255, 255]
    assert found[0].flags.c_contiguous


def test_without_an_adjustment_the_camera_itself_is_used(pictures: str) -> None:
    with open_camera(pictures) as camera:
        assert adjusted(camera, parse_adjustment("0")) is camera


@pytest.fixture
def upright(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Every frame has a face that is upright when the white corner lies here; an empty list for no face."""
    wanted: list[tuple[int, int]] = [(-1, -1)]

    def search(image: UInt8Array, options: FaceOptions, *, aligned: bool) -> FaceCrop:
        assert not options.turn
        assert not aligned
        return FaceCrop(image if wanted and image[wanted[0]].any() else None)

    monkeypatch.setattr("facedge.faces.crop.find_crop", search)
    return wanted


@pytest.mark.parametrize(("corner", "degrees"), [((0, 0), 0), ((0, -1), 90), ((-1, -1), 180), ((-1, 0), 270)])
def test_the_first_faces_decide(
    pictures: str, upright: list[tuple[int, int]], corner: tuple[int, int], degrees: int
) -> None:
    upright[:] = [corner]
    said: list[str] = []
    with adjusted(open_camera(pictures), parse_adjustment(), said.append) as camera:
        found = images(camera)
    assert len(found) == 20
    assert all(image[corner].any() for image in found[4:])  # at most three frames are searched at another turn
    assert said == [said[0]]
    assert f"(--rotate {degrees})" in said[0]


def test_what_is_decided_stays(pictures: str, upright: list[tuple[int, int]]) -> None:
    upright[:] = [(0, 0)]
    with adjusted(open_camera(pictures), parse_adjustment()) as camera:
        for _ in range(AGREEING):
            camera.next()
        upright[:] = [(-1, -1)]
        assert all(image[0, 0].any() for image in images(camera))


def test_without_a_face_frames_stay_as_they_are(pictures: str, upright: list[tuple[int, int]]) -> None:
    upright.clear()
    said: list[str] = []
    with adjusted(open_camera(pictures), parse_adjustment(), said.append) as camera:
        assert all(image[0, 0].any() for image in images(camera))
    assert said == []


@pytest.mark.real
@pytest.mark.usefixtures("detector")
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_camera_that_hangs_turned_is_noticed(shared_data: Path, tmp_path: Path, degrees: int) -> None:
    photo = load_rgb(shared_data / "photos" / "me" / "obama-720p.jpg")
    for number in range(8):
        Image.fromarray(np.ascontiguousarray(turned(photo, degrees))).save(tmp_path / f"f{number}.png")
    said: list[str] = []
    with adjusted(open_camera(str(tmp_path)), parse_adjustment(), said.append) as camera:
        last = images(camera)[-1]
    assert f"(--rotate {-degrees % 360})" in said[0]
    assert find_crop(last, FaceOptions(turn=False), aligned=False).reason is None
    np.testing.assert_array_equal(last, photo)
