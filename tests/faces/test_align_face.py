"""A photo to its aligned crop, or the reason why there is none."""

from pathlib import Path

import numpy as np
import pytest

from facedge.faces.align import align
from facedge.faces.crop import find_crop
from facedge.faces.detect import detect
from facedge.faces.landmarks import refine
from facedge.faces.options import FaceOptions
from facedge.imaging import load_rgb


@pytest.mark.real
def test_align_face_is_detect_choose_refine_align(shared_data: Path) -> None:
    photo = load_rgb(shared_data / "photos" / "me" / "obama-720p.jpg")
    found = find_crop(photo)
    assert found.reason is None
    assert found.crop is not None
    assert found.face is not None
    landmarks = refine(photo, detect(photo)[0].landmarks).landmarks
    np.testing.assert_array_equal(found.face.landmarks, landmarks)
    np.testing.assert_array_equal(found.crop, align(photo, landmarks))


@pytest.mark.real
def test_reasons(shared_data: Path) -> None:
    group = load_rgb(shared_data / "photos" / "group" / "two_people.jpg")
    many = find_crop(group, FaceOptions(policy="only"))
    assert (many.reason, many.crop, many.face) == ("many_faces", None, None)
    assert len(many.faces) >= 2
    assert find_crop(group, FaceOptions(policy="center")).crop is not None
    nobody = find_crop(np.full((200, 300, 3), 128, np.uint8))
    assert (nobody.reason, nobody.crop, nobody.faces) == ("no_face", None, ())
