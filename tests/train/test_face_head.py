"""The face head: training on few photos, splitting and reading them, and the error rates they can show."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from facedge.dataset.prepared import Faces
from facedge.demo.synthetic_dataset import write_photo_folders
from facedge.errors import DatasetError, RunError
from facedge.preprocessing import PreprocessSpec
from facedge.train.config import HeadConfig
from facedge.train.face_head import FrozenBackbone, HeadRecipe, HeadScores, load_head, provable_rates, train_head
from facedge.train.photos import AlignedPhotos, load_photos
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
