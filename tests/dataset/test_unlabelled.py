"""`prepare --unlabelled`: folders and zips of faces without CelebA's labels."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from facedge.dataset.prepare import Unlabelled, prepare_faces
from facedge.dataset.prepared import UNKNOWN_ATTRIBUTE, Faces
from facedge.dataset.unlabelled import read_unlabelled
from facedge.errors import DatasetError


@pytest.fixture
def people(celeba: Path, tmp_path: Path) -> Path:
    """Two people with two images each, one image of somebody unknown, and a file that is no image."""
    images = sorted((celeba / "img_align_celeba").iterdir())
    folder = tmp_path / "people"
    for name, image in zip(("b/1.jpg", "b/2.jpg", "a/1.jpg", "a/2.jpg", "x.jpg"), images, strict=False):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, folder / name)
    (folder / "a" / "notes.txt").write_text("no image")
    return folder


def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, file.relative_to(folder))
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_a_sub_folder_is_one_identity_and_no_attribute_is_known(people: Path, tmp_path: Path, packed: bool) -> None:
    done = prepare_faces(zipped(people) if packed else people, tmp_path / "F", unlabelled=Unlabelled())
    faces = Faces.open(tmp_path / "F")
    assert faces.names.tolist() == ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg", "x.jpg"]
    assert faces.identities.tolist() == [0, 0, 1, 1, -1]
    assert (faces.attributes == UNKNOWN_ATTRIBUTE).all()
    assert len(faces.indices("train")) == 5
    assert "1 of 5 images are of unknown people" in done.notes[0]


def test_the_source_images_are_found_again_by_their_paths(people: Path, tmp_path: Path) -> None:
    for source in (people, zipped(people)):
        faces = prepare_faces(source, tmp_path / f"F{source.suffix}", unlabelled=Unlabelled()).faces
        again = [faces.load_source(row) for row in range(len(faces))]
        assert len({image.tobytes() for image in again}) == 5


def test_lists_add_attributes_and_identities_of_another_numbering(people: Path, celeba: Path, tmp_path: Path) -> None:
    header, names = (celeba / "list_attr_celeba.txt").read_text().splitlines()[1], ("x.jpg", "absent.jpg")
    (tmp_path / "attributes.txt").write_text(
        "\n".join(["2", header, *(f"{name} " + "1 " * 40 for name in names)]) + "\n"
    )
    (tmp_path / "identities.txt").write_text("x.jpg 77\nabsent.jpg 78\n")
    lists = Unlabelled(tmp_path / "attributes.txt", tmp_path / "identities.txt")
    faces = prepare_faces(people, tmp_path / "F", unlabelled=lists).faces
    assert faces.identities.tolist() == [-1, -1, -1, -1, 77]
    assert (faces.attributes[4] == 1).all()
    assert (faces.attributes[:4] == UNKNOWN_ATTRIBUTE).all()
    assert faces.info["listed_identities"]


def test_a_list_of_other_images_is_refused(people: Path, tmp_path: Path) -> None:
    (tmp_path / "identities.txt").write_text("000001.jpg 7\n")
    with pytest.raises(DatasetError, match=r"names none of the 5 images \(it has 000001\.jpg"):
        read_unlabelled(people, identities=tmp_path / "identities.txt")


def test_what_holds_no_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no zip")
    with pytest.raises(DatasetError, match="found none"):
        read_unlabelled(tmp_path / "empty")
    with pytest.raises(DatasetError, match="found a file that is no zip"):
        read_unlabelled(tmp_path / "notes.txt")
    with pytest.raises(DatasetError, match="found nothing of the kind"):
        read_unlabelled(tmp_path / "absent")


def test_attributes_other_than_known_and_unknown_are_damage(people: Path, tmp_path: Path) -> None:
    prepare_faces(people, tmp_path / "F", unlabelled=Unlabelled())
    labels = np.load(tmp_path / "F" / "attributes.npy")
    labels[0, 0] = 2
    np.save(tmp_path / "F" / "attributes.npy", labels)
    with pytest.raises(DatasetError, match="holds 2, expected 0, 1 or 255"):
        Faces.open(tmp_path / "F")
