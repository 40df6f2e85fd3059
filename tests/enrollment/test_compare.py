"""`facedge.compare`: two photos, nobody enrolled."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

from live_bundle import picture, write_template
from PIL import Image

import facedge
from facedge.bundle import Bundle, read_bundle
from facedge.errors import BundleError, ImageError, InputError


@pytest.fixture
def base(tmp_path: Path) -> Bundle:
    return write_template(tmp_path / "base.facedge")


def test_the_same_person_and_another(base: Bundle) -> None:
    same = facedge.compare(picture(0, 0), picture(0, 1), bundle=base)
    assert same.accepted
    assert same.reason is None
    assert same.far.target == 1e-3
    other = facedge.compare(picture(0, 0), picture(5, 1), bundle=base)
    assert (other.accepted, other.reason) == (False, "below_threshold")
    assert other.score is not None
    assert other.score < other.threshold == same.threshold


def test_the_order_of_the_photos_does_not_matter(base: Bundle) -> None:
    dark = np.zeros((218, 178, 3), np.uint8)
    for a, b in ((picture(0, 0), picture(0, 1)), (picture(1, 0), picture(2, 0)), (picture(0, 0), dark)):
        one, other = facedge.compare(a, b, bundle=base), facedge.compare(b, a, bundle=base)
        assert (one.accepted, one.score, one.reason) == (other.accepted, other.score, other.reason)


def test_a_photo_without_a_usable_face_is_never_the_same(base: Bundle) -> None:
    dark = np.zeros((218, 178, 3), np.uint8)
    found = facedge.compare(dark, dark, bundle=base)
    assert (found.accepted, found.score, found.reason) == (False, None, "low_quality")


def test_paths_pil_images_and_a_bundle_s_path(base: Bundle, tmp_path: Path) -> None:
    Image.fromarray(picture(0, 0)).save(tmp_path / "a.png")
    scores = {
        facedge.compare(photo, picture(0, 1), bundle=base.path).score
        for photo in (tmp_path / "a.png", str(tmp_path / "a.png"), Image.open(tmp_path / "a.png"), picture(0, 0))
    }
    assert len(scores) == 1


def test_the_far_is_that_of_the_cohort(base: Bundle) -> None:
    """Realised over drawn people that the cohort does not hold; a lower FAR asks for a higher score."""
    strict, loose = (facedge.compare(picture(0, 0), picture(0, 1), far=far, bundle=base) for far in (1e-3, 5e-2))
    assert strict.threshold > loose.threshold
    pairs = [facedge.compare(picture(2000 + k, 0), picture(3000 + k, 0), far=1e-3, bundle=base) for k in range(40)]
    assert sum(decision.accepted for decision in pairs) == 0


def test_what_cannot_be_compared(base: Bundle, tiny_bundle: Path) -> None:
    with pytest.raises(ImageError, match="no image at"):
        facedge.compare("nowhere.jpg", picture(0, 0), bundle=base)
    with pytest.raises(InputError, match="needs at least"):
        facedge.compare(picture(0, 0), picture(0, 1), far=1e-7, bundle=base)
    with pytest.raises(BundleError, match="carries no cohort"):
        facedge.compare(picture(0, 0), picture(0, 1), bundle=read_bundle(tiny_bundle))
    with pytest.raises(InputError, match="empty value"):
        facedge.compare(picture(0, 0), picture(0, 1), bundle="")


@pytest.mark.real
def test_real_photos_with_the_bundle_inside_the_package(shared_data: Path, detector: None) -> None:
    photos = shared_data / "photos"
    assert facedge.compare(photos / "me" / "obama.jpg", photos / "me" / "obama2.jpg").accepted
    assert not facedge.compare(photos / "me" / "obama.jpg", photos / "others" / "biden.jpg").accepted
