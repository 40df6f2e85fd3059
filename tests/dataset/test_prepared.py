"""A prepared folder is checked when it is opened."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedge.dataset.prepare import prepare_faces
from facedge.dataset.prepared import Faces
from facedge.errors import DatasetError, InputError


@pytest.fixture(scope="module")
def prepared(celeba: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare_faces(celeba, tmp_path_factory.mktemp("faces") / "F", limit=24).faces.path


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(prepared, tmp_path / "F"))


def edit(folder: Path, **changes: Any) -> None:
    info = json.loads((folder / "faces.json").read_text())
    (folder / "faces.json").write_text(json.dumps(info | changes))


def test_it_opens(folder: Path) -> None:
    faces = Faces.open(str(folder))
    assert len(faces) == 24
    assert faces.indices("test").dtype == np.int64
    with pytest.raises(InputError, match="expected a partition out of train, validation, test, got 'val'"):
        faces.indices("val")
    with pytest.raises((TypeError, ValueError), match="read-only"):
        faces.images[0, 0, 0] = 1


@pytest.mark.parametrize("name", ["images", "attributes", "identities", "partition", "names"])
def test_a_missing_or_shortened_array_is_named(folder: Path, name: str) -> None:
    path = folder / f"{name}.npy"
    data = path.read_bytes()
    path.write_bytes(data[:-7])
    with pytest.raises(DatasetError, match=rf"is damaged: {name}\.npy cannot be read"):
        Faces.open(folder)
    path.write_bytes(data[:60])
    with pytest.raises(DatasetError, match=rf"is damaged: {name}\.npy"):
        Faces.open(folder)
    path.unlink()
    with pytest.raises(DatasetError, match=rf"is damaged: {name}\.npy cannot be read"):
        Faces.open(folder)


@pytest.mark.parametrize(
    ("name", "array", "says"),
    [
        (
            "attributes",
            np.zeros((24, 39), np.uint8),
            r"attributes\.npy is uint8 \(24, 39\), expected uint8 \('N', 40\)",
        ),
        ("attributes", np.full((24, 40), 2, np.uint8), r"holds 2, expected 0, 1 or 255"),
        ("identities", np.zeros(24, np.float64), r"identities\.npy is float64"),
        ("identities", np.zeros(23, np.int32), r"has 23 rows, expected 24 as in faces\.json"),
        ("partition", np.full(24, 3, np.uint8), "holds 3, expected 0, 1 or 2"),
        ("names", np.array(["x"] * 24, dtype=object), "cannot be read"),
    ],
)
def test_a_wrong_array_is_named(folder: Path, name: str, array: np.ndarray, says: str) -> None:
    np.save(folder / f"{name}.npy", array, allow_pickle=True)
    with pytest.raises(DatasetError, match=says):
        Faces.open(folder)


def test_a_folder_that_is_not_prepared_is_one_sentence(folder: Path, celeba: Path, tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"expected a folder made by facedge prepare at .*, but there is no faces\.json"
    ):
        Faces.open(celeba)
    with pytest.raises(DatasetError, match="no such folder"):
        Faces.open(tmp_path / "absent")
    edit(folder, format=2)
    with pytest.raises(DatasetError, match="has format 2 and this facedge reads format 1"):
        Faces.open(folder)
    edit(folder, format=1, images="24")
    with pytest.raises(DatasetError, match="has no images of type int"):
        Faces.open(folder)
    (folder / "faces.json").write_text("{")
    with pytest.raises(DatasetError, match=r"faces\.json cannot be read"):
        Faces.open(folder)


def test_the_source_may_be_gone(folder: Path, tmp_path: Path) -> None:
    edit(folder, source=str(tmp_path / "gone"))
    with pytest.raises(DatasetError, match="found nothing"):
        Faces.open(folder).load_source(0)
