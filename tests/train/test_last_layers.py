"""After the last epoch: attribute and embedding layer fitted once more, and its free numbers to camera conditions."""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from facedge.dataset.prepared import Faces
from facedge.preprocessing import PreprocessSpec
from facedge.train import embedding_fit, logistic_regression, run_folder
from facedge.train.architectures import Edge
from facedge.train.attribute_fit import VIEW_WEIGHT, fit_attributes, labelled
from facedge.train.augment import Augment
from facedge.train.camera_conditions import FaceLayout
from facedge.train.config import EDGE_TAUGHT, BackboneConfig
from facedge.train.data import MARGIN, load_samples
from facedge.train.embedding_fit import CONDITION_NUMBERS
from facedge.train.last_layers import fit_last_layers
from facedge.train.logistic_regression import PENALTIES
from facedge.train.validation import Scores, evaluate

SPEC = PreprocessSpec(size=32)
CONFIG = cast(
    BackboneConfig, SimpleNamespace(spec=SPEC, attribute_names="abcd", mirrored=False, seed=0, recipe=EDGE_TAUGHT)
)


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


def finish(run: Path, faces: Faces, targets: np.ndarray[Any, Any] | None) -> tuple[Scores, list[str]]:
    lines = list[str]()
    validation = load_samples(faces, "validation", SPEC, torch.device("cpu"))
    scores = fit_last_layers(run, CONFIG, faces, validation, targets=targets, say=lines.append, track=lambda x, *_: x)
    return scores, lines


def directions_of_people(faces: Faces) -> np.ndarray[Any, Any]:
    """Targets (N, 128) of the training images: one direction for each person, the last numbers free."""
    people = np.random.default_rng(0).normal(size=(16, 128)).astype(np.float32)
    people[:, -CONDITION_NUMBERS:] = 0
    return people[faces.identities[faces.indices("train")]] / np.linalg.norm(people, axis=1).mean()


def test_the_best_weights_end_with_a_fitted_embedding_layer(run: Path, tiny_faces: Faces) -> None:
    before = scores_of(run, tiny_faces)
    scores, lines = finish(run, tiny_faces, directions_of_people(tiny_faces))
    assert len(lines) == 2 and lines[1].startswith("embedding fitted to the teacher (ridge penalty")
    assert scores.overall > before.overall
    assert scores_of(run, tiny_faces) == scores
    assert run_folder.read_metrics(run)[-1]["fitted_tar_at_far_1e-3"] == pytest.approx(scores.tar, abs=1e-5)
    again, _ = finish(run, tiny_faces, directions_of_people(tiny_faces))
    assert again.overall == pytest.approx(scores.overall)  # fitted already


def test_without_a_teacher_the_attribute_layer_alone_is_fitted(run: Path, tiny_faces: Faces) -> None:
    before, trained = scores_of(run, tiny_faces), load_file(run / "weights.safetensors")
    scores, lines = finish(run, tiny_faces, None)
    assert len(lines) == 1
    assert lines[0].startswith("attribute layer fitted (L2 penalty ")
    assert lines[0].endswith(f"validation accuracy {scores.attribute_accuracy:.4f}")
    assert scores.attribute_accuracy > before.attribute_accuracy + 0.1
    assert scores.tar == before.tar
    assert scores_of(run, tiny_faces) == scores
    fitted = load_file(run / "weights.safetensors")
    assert {name for name in trained if not torch.equal(trained[name], fitted[name])} == {
        "attributes.weight", "attributes.bias",
    }  # fmt: skip
    assert run_folder.read_metrics(run)[-1]["fitted_attribute_accuracy"] == round(scores.attribute_accuracy, 5)


def test_images_without_labels_take_no_part(tiny_faces: Faces) -> None:
    samples = load_samples(tiny_faces, "train", SPEC, torch.device("cpu"))
    attributes = samples.attributes.clone()
    attributes[:7], attributes[7, 1:] = 255, 255
    some = dataclasses.replace(samples, attributes=attributes)
    batches = list(labelled(some, 32, 0))
    assert sum(len(image) for image, _, _ in batches) == len(samples) - 7
    assert sum(int((known > 1).sum()) for _, known, _ in batches) == attributes.shape[1] - 1


def test_augmented_views_are_fitted_too_with_little_weight(tiny_faces: Faces) -> None:
    samples = load_samples(tiny_faces, "train", SPEC, torch.device("cpu"))
    views = Augment.cameras(), FaceLayout.of(SPEC, MARGIN)
    whole, again = ([*labelled(samples, 32, 0, views)] for _ in range(2))
    assert all(
        torch.equal(a, b)
        for one, other in zip(whole, again, strict=True)
        for a, b in zip(one[:2], other[:2], strict=True)
    )
    for (image, known, full), (view, same, weight) in zip(whole[::2], whole[1::2], strict=True):
        assert torch.equal(known, same) and weight == VIEW_WEIGHT < full == 1
        assert 0.02 < (image - view).abs().mean() < 0.6


def test_the_penalty_has_the_least_cross_entropy_on_validation() -> None:
    torch.manual_seed(0)
    images, labels = torch.randn(60, 1, 32, 32), torch.randint(0, 2, (60, 4)).to(torch.uint8)
    noise = torch.randn(60, 1, 32, 32), torch.randint(0, 2, (60, 4)).to(torch.uint8)
    learnt_by_heart = images, labels
    for validation, best in ((noise, max(PENALTIES)), (learnt_by_heart, min(PENALTIES))):
        backbone = Edge(32, 4).eval()
        assert fit_attributes(backbone, iter([(images, labels, 1.0)]), iter([(*validation, 1.0)])) == best
        logits = backbone(images)[1]
        assert ((logits > 0) == labels.bool()).float().mean() > 0.9


def test_a_fit_that_validation_does_not_gain_from_is_dropped(
    run: Path, tiny_faces: Faces, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(run, tiny_faces, None)
    monkeypatch.setattr(logistic_regression, "PENALTIES", (1e6,))
    before = (run / "weights.safetensors").read_bytes()
    scores, _ = finish(run, tiny_faces, np.zeros((len(tiny_faces.indices("train")), 128), np.float32))
    assert (run / "weights.safetensors").read_bytes() == before
    assert scores == scores_of(run, tiny_faces)


def test_the_free_numbers_are_fitted_last(run: Path, tiny_faces: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_fit, "FEWEST_FOR_CONDITIONS", 20)
    scores, lines = finish(run, tiny_faces, directions_of_people(tiny_faces))
    assert lines[-1] == f"the last {CONDITION_NUMBERS} numbers of the embedding fitted to camera conditions"
    assert scores_of(run, tiny_faces) == scores
