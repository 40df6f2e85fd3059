"""After the last epoch: the embedding layer fitted to the teacher, and its free numbers to camera conditions."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from facedge.dataset.prepared import Faces
from facedge.preprocessing import PreprocessSpec
from facedge.train import embedding_fit, run_folder
from facedge.train.architectures import Edge
from facedge.train.backbone import finish_embedding
from facedge.train.config import BackboneConfig
from facedge.train.data import load_samples
from facedge.train.embedding_fit import CONDITION_NUMBERS
from facedge.train.validation import Scores, evaluate

SPEC = PreprocessSpec(size=32)
CONFIG = cast(BackboneConfig, SimpleNamespace(spec=SPEC, attribute_names="abcd", mirrored=False, seed=0))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with random weights and one epoch."""
    torch.manual_seed(3)
    run_folder.save_weights(tmp_path, Edge(32, 4).state_dict())
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"epoch": 1}) + "\n")
    return tmp_path


def scores_of(run: Path, faces: Faces) -> Scores:
    backbone = Edge(32, 4)
    run_folder.load_weights(backbone, run)
    return evaluate(backbone.eval(), load_samples(faces, "validation", SPEC, torch.device("cpu")), 32)


def finish(run: Path, faces: Faces, targets: np.ndarray[Any, Any]) -> tuple[Scores, list[str]]:
    lines = list[str]()
    validation = load_samples(faces, "validation", SPEC, torch.device("cpu"))
    return finish_embedding(run, CONFIG, faces, targets, validation, lines.append, lambda x, *_: x), lines


def directions_of_people(faces: Faces) -> np.ndarray[Any, Any]:
    """Targets (N, 128) of the training images: one direction for each person, the last numbers free."""
    people = np.random.default_rng(0).normal(size=(16, 128)).astype(np.float32)
    people[:, -CONDITION_NUMBERS:] = 0
    return people[faces.identities[faces.indices("train")]] / np.linalg.norm(people, axis=1).mean()


def test_the_best_weights_end_with_a_fitted_embedding_layer(run: Path, tiny_faces: Faces) -> None:
    before = scores_of(run, tiny_faces)
    scores, lines = finish(run, tiny_faces, directions_of_people(tiny_faces))
    assert len(lines) == 1 and lines[0].startswith("embedding fitted to the teacher (ridge penalty")
    assert scores.overall > before.overall
    assert scores_of(run, tiny_faces) == scores
    assert run_folder.read_metrics(run)[-1]["fitted_tar_at_far_1e-3"] == pytest.approx(scores.tar, abs=1e-5)
    again, _ = finish(run, tiny_faces, directions_of_people(tiny_faces))
    assert again.overall == pytest.approx(scores.overall)  # fitted already


def test_a_fit_that_validation_does_not_gain_from_is_dropped(run: Path, tiny_faces: Faces) -> None:
    before = (run / "weights.safetensors").read_bytes()
    scores, _ = finish(run, tiny_faces, np.zeros((len(tiny_faces.indices("train")), 128), np.float32))
    assert (run / "weights.safetensors").read_bytes() == before
    assert scores == scores_of(run, tiny_faces)


def test_the_free_numbers_are_fitted_last(run: Path, tiny_faces: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_fit, "FEWEST_FOR_CONDITIONS", 20)
    scores, lines = finish(run, tiny_faces, directions_of_people(tiny_faces))
    assert lines[-1] == f"the last {CONDITION_NUMBERS} numbers of the embedding fitted to camera conditions"
    assert scores_of(run, tiny_faces) == scores
