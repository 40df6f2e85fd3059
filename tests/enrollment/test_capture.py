"""Which frames are good enough, and which are different enough."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("onnx")

from live_bundle import picture, write_template
from PIL import Image, ImageFilter

from facedge.enrollment.capture import (
    CheckedPhoto,
    Sample,
    check_photo,
    check_photos,
    embed_impostors,
    list_photos,
    select_varied,
    stretch_of,
)
from facedge.errors import InputError
from facedge.faces import quality
from facedge.runtime.embedder import Embedder

STRAIGHT = ((68.0, 111.0), (108.0, 111.0), (88.0, 134.0), (70.0, 152.0), (104.0, 152.0))
POINT = st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))


@pytest.fixture
def embedder(tmp_path: Path) -> Embedder:
    return Embedder(write_template(tmp_path / "base.facedge", people=8))


def blurred(image: np.ndarray, radius: float) -> np.ndarray:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


@pytest.mark.parametrize(
    ("image", "fault"),
    [
        (picture(0, 0), None),
        (blurred(picture(0, 0), 7), "blurred"),
        ((picture(0, 0) // 12).astype(np.uint8), "dark"),
        (np.full((218, 178, 3), 128, np.uint8), "dark"),
        ((225 + picture(0, 0) // 9).astype(np.uint8), "bright"),
    ],
    ids=["good", "blurred", "dark", "flat", "bright"],
)
def test_faults_of_a_crop(image: np.ndarray, fault: str | None) -> None:
    assert quality.fault(quality.measure(image, None)) == fault


def test_faults_of_a_pose() -> None:
    image = picture(0, 0)
    far = tuple((x / 4, y / 4) for x, y in STRAIGHT)
    turned = (*STRAIGHT[:2], (112.0, 134.0), *STRAIGHT[3:])
    assert quality.fault(quality.measure(image, STRAIGHT)) is None
    assert quality.fault(quality.measure(image, far)) == "far"
    assert quality.fault(quality.measure(image, turned)) == "turned"
    assert set(quality.ADVICE) >= {"far", "dark", "bright", "blurred", "turned", "no_face", "many_faces", "low_quality"}


@given(st.tuples(POINT, POINT, POINT))
def test_yaw_is_a_number_and_changes_sign_in_a_mirror(points: tuple[tuple[float, float], ...]) -> None:
    left, right, nose = points
    mirrored = ((-right[0], right[1]), (-left[0], left[1]), (-nose[0], nose[1]))
    assert np.isfinite(quality.yaw(points))
    assert quality.yaw(mirrored) == pytest.approx(-quality.yaw(points), rel=1e-6, abs=1e-6)


def test_checking_photos(embedder: Embedder) -> None:
    good = check_photo(embedder, picture(0, 0), "a")
    assert good.sample is not None
    assert good.advice == ""
    dark = check_photo(embedder, np.zeros((218, 178, 3), np.uint8), "b")
    assert (dark.sample, dark.advice) == (None, "more light")


def test_a_folder_is_read_to_its_end(embedder: Embedder, tmp_path: Path) -> None:
    folder = tmp_path / "me"
    folder.mkdir()
    Image.fromarray(picture(0, 0)).save(folder / "1.png")
    (folder / "2.jpg").write_text("no picture")
    first, second = check_photos(embedder, folder)
    assert first.sample is not None
    assert second.sample is None
    assert "2.jpg" in second.advice
    with pytest.raises(InputError, match="expected a folder of photos"):
        check_photos(embedder, tmp_path / "nowhere")


def test_impostors_are_people_by_folder(embedder: Embedder, tmp_path: Path) -> None:
    folder = tmp_path / "family"
    (folder / "ben").mkdir(parents=True)
    for name, person in (("ben/1.png", 1), ("ben/2.png", 1), ("guest.png", 2), ("other.png", 3)):
        Image.fromarray(picture(person, "2.png" in name)).save(folder / name)
    found = embed_impostors(embedder, folder)
    assert found.embeddings.shape == (4, 16)
    assert len(set(found.people.tolist())) == 3
    assert [Path(source).name for source in found.sources] == ["1.png", "2.png", "guest.png", "other.png"]
    Image.fromarray(picture(1, 1)).save(folder / "ben" / "copy.png")
    assert len(embed_impostors(embedder, folder).embeddings) == 4


def test_near_copies_are_left_out() -> None:
    measures = quality.measure(picture(0, 0), None)
    basis = np.eye(8, dtype=np.float32)
    samples = [Sample(basis[k // 5], str(k), measures) for k in range(40)]  # eight different, five times each
    assert len(select_varied(samples)) == 8
    assert [s.source for s in select_varied(samples, 3)] == sorted(
        (s.source for s in select_varied(samples, 3)), key=int
    )
    assert select_varied([]) == []


def test_the_stretch_of_one_photo_says_nothing_that_of_one_frame_is_the_median_of_all() -> None:
    one = [CheckedPhoto("1.jpg", None, "distorted", stretch=-0.4)]
    assert stretch_of(one) == 0.0
    assert stretch_of(one, frames=True) == -0.4
    others = [CheckedPhoto("2.jpg", None, None, stretch=-0.1), CheckedPhoto("3.jpg", None, "dark", stretch=9.0)]
    assert stretch_of(one + others) == pytest.approx(-0.25)  # a fault of another kind tells nothing of the proportions


@pytest.mark.parametrize("photos", ["", " "])
def test_an_empty_path_is_not_the_working_folder(photos: str) -> None:
    with pytest.raises(InputError, match="got an empty value"):
        list_photos(photos)
