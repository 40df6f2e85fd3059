"""`prepare --detect`: photos in no particular geometry become the faces that aligned crops would be."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedge.dataset.prepare import prepare_faces
from facedge.errors import DatasetError, InputError, MissingDependencyError
from facedge.imaging import load_rgb
from facedge.preprocessing import resize_grey

pytestmark = pytest.mark.usefixtures("detector")


@pytest.fixture(scope="module")
def photos(celeba: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 24 faces, twice as large, somewhere in a photo of their own; 000005.jpg shows no face."""
    folder = Path(shutil.copytree(celeba, tmp_path_factory.mktemp("photos") / "photos"))
    images, random = folder / "img_align_celeba", np.random.default_rng(4)
    for path in sorted(images.iterdir())[24:]:
        path.unlink()
    for name in ("list_attr_celeba.txt", "identity_CelebA.txt", "list_eval_partition.txt"):
        lines = (folder / name).read_text().splitlines()
        kept = ["24", *lines[1:26]] if name == "list_attr_celeba.txt" else lines[:24]
        (folder / name).write_text("\n".join(kept) + "\n")
    for path in sorted(images.iterdir()):
        face = Image.open(path).convert("RGB").resize((356, 436), Image.Resampling.BICUBIC)
        photo = Image.new("RGB", (900, 700), (96, 108, 120))
        if path.name != "000005.jpg":
            photo.paste(face, (int(random.integers(500)), int(random.integers(240))))
        photo.save(path, quality=95)
    return folder


def test_faces_are_found_and_aligned(celeba: Path, photos: Path, tmp_path: Path) -> None:
    done = prepare_faces(photos, tmp_path / "F", min_face=0.075, max_bad=0.2)
    assert done.skipped == (("000005.jpg", "shows no face"),)
    assert len(done.faces) == 23
    assert done.faces.info["min_face"] == 0.075
    off = []
    for row, name in enumerate(done.faces.names):
        crop = resize_grey(load_rgb(celeba / "img_align_celeba" / str(name)), (218, 178))[0].astype(float)
        inside = (slice(70, 180), slice(45, 135))  # the face; around it a crop may show the photo
        off.append(np.abs(done.faces.images[row].astype(float) - crop)[inside].mean())
    grey = done.faces.images[(slice(None), *inside)].astype(float)
    of_others = np.abs(grey - np.roll(grey, 6, axis=0)).mean(axis=(1, 2))
    assert np.median(off) < 0.5 * np.median(of_others), (off, of_others)


def test_the_source_of_a_photo_is_its_crop(photos: Path, tmp_path: Path) -> None:
    faces = prepare_faces(photos, tmp_path / "F", min_face=0.075, max_bad=0.2).faces
    source = faces.load_source(3)
    assert source.shape == (218, 178, 3)
    assert np.array_equal(resize_grey(source, (218, 178))[0], faces.images[3])


def test_workers_do_not_change_a_byte(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facedge.dataset.prepare.CHUNK", 5)
    for workers in (1, 2):
        prepare_faces(photos, tmp_path / str(workers), min_face=0.075, max_bad=0.2, workers=workers)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / side).iterdir()} for side in "12")
    assert one == two


def test_another_smallest_face_is_another_preparation(photos: Path, tmp_path: Path) -> None:
    prepare_faces(photos, tmp_path / "F", min_face=0.075, max_bad=0.2)
    with pytest.raises(DatasetError, match="holds other prepared faces already"):
        prepare_faces(photos, tmp_path / "F", min_face=0.2, max_bad=0.2)


@pytest.mark.parametrize("invalid", [0.0, -1.0, float("nan"), float("inf")])
def test_an_invalid_size_is_refused_before_any_work(photos: Path, tmp_path: Path, invalid: float) -> None:
    with pytest.raises(InputError, match="min_face"):
        prepare_faces(photos, tmp_path / "F", min_face=invalid)
    assert not (tmp_path / "F").exists()


def test_without_the_detector_one_sentence(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDGE_DETECTOR", str(tmp_path / "absent.onnx"))
    with pytest.raises(MissingDependencyError, match=r"absent\.onnx"):
        prepare_faces(photos, tmp_path / "F", min_face=0.075)
    assert not (tmp_path / "F").exists()


def test_the_command(photos: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "facedge", "prepare", str(photos), "-o", str(tmp_path / "F"), "--max-bad", "20%"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "photos need --detect" in done.stderr, done.stderr
    shutil.rmtree(tmp_path / "F")
    done = subprocess.run([*command, "--detect", "--min-face", "0.2"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "skipped 000005.jpg: shows no face" in done.stderr
    assert json.loads((tmp_path / "F" / "faces.json").read_text())["min_face"] == 0.2
