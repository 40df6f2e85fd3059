"""A crowd of strangers adds people to the impostors, and says when it is no crowd."""

from pathlib import Path

import numpy as np
import pytest
import tiny_bundle

from facedge.dataset.synthetic import write_photo_folders
from facedge.errors import DatasetError
from facedge.export.calibrate import Impostors
from facedge.export.crowd import read_crowd, together


def quiet(items: range, _what: str, _total: int) -> range:
    return items


def strangers(folder: Path, count: int) -> Path:
    """FOLDER/PERSON/PHOTO of drawn people."""
    for number, photo in enumerate(sorted(write_photo_folders(folder, others=count, probes=0).others.iterdir())):
        place = folder / "crowd" / f"person_{number}"
        place.mkdir(parents=True)
        photo.rename(place / photo.name)
    return folder / "crowd"


def test_every_person_counts_once(tmp_path: Path) -> None:
    (crowd,) = read_crowd(strangers(tmp_path, 6), [tiny_bundle.backbone_onnx()], tiny_bundle.SPEC, quiet)
    assert crowd.people == 6
    np.testing.assert_allclose(np.linalg.norm(crowd.embeddings, axis=1), 1, rtol=1e-5)


def test_every_backbone_sees_the_same_people(tmp_path: Path) -> None:
    crowd, backbone = strangers(tmp_path, 4), tiny_bundle.backbone_onnx()
    one, other = read_crowd(crowd, [backbone, backbone], tiny_bundle.SPEC, quiet)
    np.testing.assert_array_equal(one.embeddings, other.embeddings)
    np.testing.assert_array_equal(one.identities, other.identities)
    assert one.embeddings.shape == (4, tiny_bundle.DIMS)


def test_two_crowds_keep_their_people_apart() -> None:
    first = Impostors(np.zeros((3, 4), np.float32), np.array([5, 5, 9], np.int32), "validation people")
    second = Impostors(np.ones((2, 4), np.float32), np.array([0, 1], np.int32), "strangers")
    both = together(first, second)
    assert both.people == 4
    assert both.identities.tolist() == [5, 5, 9, 10, 11]
    assert both.source == "validation people and strangers"


def test_a_folder_that_is_no_crowd_is_refused(tmp_path: Path) -> None:
    loose = write_photo_folders(tmp_path, others=3, probes=0).others
    with pytest.raises(DatasetError, match="one folder a person"):
        read_crowd(loose, [tiny_bundle.backbone_onnx()], tiny_bundle.SPEC, quiet)
    crowd = strangers(tmp_path / "broken", 3)
    for photo in crowd.rglob("*.jpg"):
        photo.write_text("no photo")
    with pytest.raises(DatasetError, match="only 0 of 3 photos"):
        read_crowd(crowd, [tiny_bundle.backbone_onnx()], tiny_bundle.SPEC, quiet)
