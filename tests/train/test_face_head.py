"""The face head: training on few photos, splitting and reading them, and the error rates they can show."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from facedge.dataset.folders import UNLABELLED
from facedge.dataset.prepared import Faces
from facedge.demo.synthetic_dataset import write_photo_folders
from facedge.errors import DatasetError, RunError
from facedge.preprocessing import PreprocessSpec
from facedge.train.config import HeadConfig
from facedge.train.face_head import FrozenBackbone, HeadRecipe, HeadScores, load_head, train_head
from facedge.train.head_report import provable_rates, report_test
from facedge.train.photos import AlignedPhotos, JudgingPhotos, load_photo_parts, load_photos
from facedge.train.run_folder import load_backbone, read_metrics

SPEC = PreprocessSpec(size=32)


def photos(faces: Faces) -> AlignedPhotos:
    """Identity 0 against the others, alternate photos for validation."""
    labels = (faces.identities == 0).astype(np.uint8)
    rows = np.arange(len(labels))
    return AlignedPhotos(np.asarray(faces.images), labels, rows[rows % 3 > 0], rows[rows % 3 == 0])


class Thumbnail(torch.nn.Module):
    """A backbone that needs no training: the image at 8x8, less its mean."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, None]:
        small = torch.nn.functional.avg_pool2d(x, 4).flatten(1)
        return torch.nn.functional.normalize(small - small.mean(1, keepdim=True)), None


def train(faces: Faces, run: Path, seed: int = 0) -> tuple[HeadConfig, HeadScores]:
    recipe = HeadRecipe(epochs=25, learning_rate=5e-3, views=128)
    run.mkdir()
    backbone = FrozenBackbone(Thumbnail(), "0" * 64, SPEC, 64)
    return train_head(run, backbone, photos(faces), seed=seed, recipe=recipe)


def test_it_separates_one_person_from_the_others(tiny_faces: Faces, tmp_path: Path) -> None:
    config, scores = train(tiny_faces, tmp_path / "head")
    assert scores.auc > 0.9
    assert config.me == {"training": 4, "validation": 2}
    head, read = load_head(tmp_path / "head")
    assert read == config
    probability = head(torch.nn.functional.normalize(torch.randn(5, 64)))
    assert probability.shape == (5, 1)
    assert ((probability > 0) & (probability < 1)).all()
    assert len(read_metrics(tmp_path / "head")) == 25


def test_the_same_seed_gives_the_same_head(tiny_faces: Faces, tmp_path: Path) -> None:
    train(tiny_faces, tmp_path / "a")
    train(tiny_faces, tmp_path / "b")
    first, second = (load_head(tmp_path / name)[0].state_dict() for name in "ab")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_rates_that_few_photos_can_show_follow_the_rule_of_three() -> None:
    assert "FAR of 1% at best" in provable_rates(30, 300)
    assert "FRR of 10%" in provable_rates(30, 300)
    assert "FAR of 100%" in provable_rates(1, 2)


def test_photos_are_read_labelled_by_folder_and_split(tmp_path: Path) -> None:
    folders = write_photo_folders(tmp_path, me_images=5, others=8, probes=0)
    loaded = load_photos(folders.me, folders.others)
    assert loaded.images.shape == (13, 218, 178)
    assert int(loaded.labels.sum()) == 5
    assert not set(loaded.training) & set(loaded.validation)
    assert set(loaded.labels[loaded.validation].tolist()) == {0, 1}


def test_broken_photos_are_named_and_left_out(tmp_path: Path) -> None:
    folders = write_photo_folders(tmp_path, me_images=4, others=4, probes=0)
    (folders.me / "broken.jpg").write_text("no photo")
    said: list[str] = []
    loaded = load_photos(folders.me, folders.others, say=said.append)
    assert len(loaded.images) == 8
    assert any("broken.jpg" in line for line in said)


def test_too_few_usable_photos_are_refused(tmp_path: Path) -> None:
    folders = write_photo_folders(tmp_path, me_images=1, others=4, probes=0)
    with pytest.raises(DatasetError, match=r"at least 2 usable photos in --me .*, got 1"):
        load_photos(folders.me, folders.others)


def parts(folder: Path, *, validation: bool = True, mixed: bool = False) -> Path:
    """Drawn photos as train, validation and test, each with me and others; `mixed` leaves the test without labels."""
    folders = write_photo_folders(folder / "drawn", me_images=9, others=9, probes=0)
    names = ["train", "validation", "test"] if validation else ["train", "train", "test"]
    for label, photos in (("me", folders.me), ("others", folders.others)):
        for number, path in enumerate(sorted(photos.iterdir())):
            name = names[number % 3]
            place = folder / "photos" / name / ("" if mixed and name == "test" else label)
            place.mkdir(parents=True, exist_ok=True)
            path.rename(place / f"{label}_{path.name}")
    return folder / "photos"


def test_photos_in_the_parts_that_somebody_made(tmp_path: Path) -> None:
    photos, test = load_photo_parts(parts(tmp_path))
    assert (len(photos.training), len(photos.validation)) == (6, 6)
    assert photos.labels[photos.training].tolist() == [0, 0, 0, 1, 1, 1]
    assert test is not None
    assert sorted(zip(test.names, test.labels.tolist(), strict=True))[0][0].startswith("me/me_")
    assert all((label == 1) == name.startswith("me/") for name, label in zip(test.names, test.labels, strict=True))


def test_mixed_test_photos_have_no_label_and_a_missing_validation_is_drawn(tmp_path: Path) -> None:
    photos, test = load_photo_parts(parts(tmp_path, validation=False, mixed=True))
    assert len(photos.images) == 12
    assert set(photos.labels[photos.validation].tolist()) == {0, 1}
    assert test is not None
    assert test.labels.tolist() == [UNLABELLED] * 6


def test_a_photo_of_the_test_that_is_trained_on_is_refused(tmp_path: Path) -> None:
    folder = parts(tmp_path)
    photo = next((folder / "train" / "me").iterdir())
    (folder / "test" / "me" / "copy.jpg").write_bytes(photo.read_bytes())
    with pytest.raises(DatasetError, match="judged by what it was trained on: remove one"):
        load_photo_parts(folder)
    with pytest.raises(DatasetError, match=r"expected the folders train/me and train/others .* found no train/me"):
        load_photo_parts(folder / "train")


def test_a_test_is_written_and_summed_up(tmp_path: Path) -> None:
    labels = np.array([1, 1, 0, 0, UNLABELLED], np.uint8)
    names = ("me/a.jpg", "me/b.jpg", "others/c.jpg", "others/d.jpg", "e.jpg")
    photos = JudgingPhotos(np.zeros((5, 218, 178), np.uint8), labels, names)
    sentences = report_test(tmp_path, photos, np.array([0.9, 0.2, 0.1, 0.3, 0.75], np.float32))
    assert sentences[:3] == [
        "test: 1 of 2 (50.0 %, 95 % interval 1.3 % to 98.7 %) photos of me rejected at probability 0.5",
        "test: 0 of 2 (0.0 %, 95 % interval 0.0 % to 84.2 %) photos of others accepted at probability 0.5",
        "test: 1 of 1 photo without a label accepted at probability 0.5: e.jpg 0.75",
    ]
    rows = json.loads((tmp_path / "test.json").read_text())["photos"]
    assert rows[1] == {"photo": "me/b.jpg", "label": "me", "probability": 0.2, "accepted": False}
    assert rows[4]["label"] is None


def test_aligned_crops_of_any_size_are_accepted(tmp_path: Path) -> None:
    folders = write_photo_folders(tmp_path, me_images=2, others=2, probes=0)
    for path in [*folders.me.iterdir(), *folders.others.iterdir()]:
        Image.open(path).resize((240, 294)).save(path.with_suffix(".png"))
        path.unlink()
    assert len(load_photos(folders.me, folders.others, aligned=True).images) == 4


def test_a_head_run_is_refused_as_a_backbone_run(tiny_faces: Faces, tmp_path: Path) -> None:
    train(tiny_faces, tmp_path / "head")
    with pytest.raises(RunError, match="expected the config of a backbone run"):
        load_backbone(tmp_path / "head")
    with pytest.raises(RunError, match=r"has no config\.json"):
        load_head(tmp_path)
