"""The record of report.json: the contract's keys, figures that can be computed another way, and what is left out."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the tiny bundle is built with the onnx package")

from tiny_bundle import NAMES, write_tiny
from tiny_faces import PHOTOS, TEST_PEOPLE, TRAIN_PEOPLE, write_tiny_faces

from facedge.dataset.prepared import Faces
from facedge.errors import InputError
from facedge.metrics.intervals import Bootstrap
from facedge.report.evaluate import Settings, evaluate
from facedge.report.model import Head, Model, embed_all, open_model

QUICK = Settings(bootstrap=Bootstrap(40))


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Faces:
    return Faces.open(write_tiny_faces(tmp_path_factory.mktemp("report") / "faces"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return open_model(write_tiny(tmp_path_factory.mktemp("report") / "tiny.facedge").path)


@pytest.fixture(scope="module")
def record(model: Model, faces: Faces) -> dict[str, Any]:
    return evaluate(model, faces, Settings(bootstrap=Bootstrap(40), robustness_images=24))


def test_the_record_keeps_the_contract(record: dict[str, Any]) -> None:
    assert {"attributes", "verification", "data", "bundle"} <= set(record)
    assert {"mean_accuracy", "majority_accuracy", "balanced_accuracy", "macro_f1", "per_attribute"} <= set(
        record["attributes"]
    )
    assert {"identities", "genuine", "impostor", "eer", "tar_at_far"} <= set(record["verification"])
    assert set(record["verification"]["tar_at_far"]) == {"1e-2", "1e-3", "1e-4"}
    assert all({"low95", "high95"} <= set(entry) for entry in record["verification"]["tar_at_far"].values())
    assert {"name", "partition", "images"} <= set(record["data"])
    assert {"name", "sha256"} <= set(record["bundle"])
    json.dumps(record, allow_nan=False)


def test_the_counts_are_those_of_all_pairs(record: dict[str, Any]) -> None:
    found = record["verification"]
    images = TEST_PEOPLE * PHOTOS
    genuine = TEST_PEOPLE * PHOTOS * (PHOTOS - 1) // 2
    assert (found["identities"], found["images"]) == (TEST_PEOPLE, images)
    assert (found["genuine"], found["impostor"]) == (genuine, images * (images - 1) // 2 - genuine)
    assert record["data"]["images"] == images


def test_the_attribute_figures_agree_with_counting(record: dict[str, Any], model: Model, faces: Faces) -> None:
    rows = faces.indices("test")
    _, probabilities = embed_all(model, faces.images, rows)
    labels = faces.attributes[rows]
    hit = (probabilities >= 0.5) == (labels == 1)
    assert record["attributes"]["mean_accuracy"] == pytest.approx(hit.mean())
    assert list(record["attributes"]["per_attribute"]) == list(NAMES)
    best = np.maximum(labels.mean(axis=0), 1 - labels.mean(axis=0)).mean()
    assert record["attributes"]["majority_accuracy"] == pytest.approx(best)
    assert record["attributes"]["majority_accuracy_from_train"] <= best


def test_tiles_are_verified_and_random_attributes_are_not(record: dict[str, Any]) -> None:
    assert record["verification"]["eer"] < 0.02
    assert record["verification"]["tar_at_far"]["1e-2"]["tar"] > 0.95
    assert 0.3 < record["baselines"]["attributes_known"]["eer"] < 0.7  # the labels were drawn at random


def test_a_far_too_low_for_these_people_is_null_with_the_reason(record: dict[str, Any]) -> None:
    entry = record["verification"]["tar_at_far"]["1e-4"]
    assert entry["tar"] is None
    assert "needs at least 246 impostor identities, but 40 identities" in entry["refused"]


def test_the_head_of_an_enrolled_bundle_is_counted_over_people(model: Model, faces: Faces, tmp_path: Path) -> None:
    """A head that accepts the first person, who is in the train partition, and nobody else."""
    first = model.embed(np.ascontiguousarray(faces.images[:PHOTOS]))[0].mean(axis=0)
    head = Head(lambda embeddings: embeddings @ (first / np.linalg.norm(first)), 0.95, 0.01, 0.02)
    enrolled = replace(model, head=head)
    found = evaluate(enrolled, faces, Settings("train", Bootstrap(40)))["head"]
    assert (found["images"], found["identities"]) == (TRAIN_PEOPLE * PHOTOS, TRAIN_PEOPLE)
    assert (found["accepted"], found["accepted_identities"], found["far"]) == (PHOTOS, 1, 1 / TRAIN_PEOPLE)
    assert found["far_low95"] <= found["far"] <= found["far_high95"]
    assert (found["threshold"], found["far_target"], found["far_upper95"]) == (0.95, 0.01, 0.02)
    nobody = evaluate(enrolled, faces, Settings(bootstrap=Bootstrap(40)))["head"]
    assert (nobody["accepted"], nobody["far"]) == (0, 0.0) and nobody["far_high95"] > 0.01
    unknown = Faces.open(write_tiny_faces(tmp_path / "unknown", known=False))
    assert evaluate(enrolled, unknown, Settings(bootstrap=Bootstrap(40)))["head"]["far"] is None


def test_clean_levels_change_nothing_and_covering_lowers_the_tar(record: dict[str, Any]) -> None:
    curves, clean = record["robustness"]["curves"], record["robustness"]["clean"]
    for name, level in (("brightness", 1.0), ("rotation", 0), ("blur", 0), ("resolution", 178)):
        k = curves[name]["levels"].index(level)
        assert {key: curves[name][key][k] for key in clean} == clean
    assert min(curves["covered"]["tar"]) < clean["tar"]
    assert curves["rotation"]["tar"][0] < clean["tar"]


def test_the_same_seed_gives_the_same_record(model: Model, faces: Faces) -> None:
    assert evaluate(model, faces, QUICK) == evaluate(model, faces, QUICK)


def test_unknown_people_leave_verification_out(model: Model, tmp_path: Path) -> None:
    unlabelled = Faces.open(write_tiny_faces(tmp_path / "faces", people=6, known=False))
    found = evaluate(model, unlabelled, QUICK)
    assert found["attributes"] is not None
    assert found["verification"] is found["groups"] is found["baselines"] is None


def test_one_photo_each_leaves_verification_out(model: Model, tmp_path: Path) -> None:
    singles = Faces.open(write_tiny_faces(tmp_path / "faces", people=6, photos=1))
    assert evaluate(model, singles, QUICK)["verification"] is None


def test_more_images_than_wanted_are_chosen_evenly(model: Model, faces: Faces) -> None:
    found = evaluate(model, faces, Settings(bootstrap=Bootstrap(40), max_images=2 * TEST_PEOPLE))
    assert found["verification"]["identities"] == TEST_PEOPLE
    assert found["verification"]["genuine"] == TEST_PEOPLE
    assert found["data"]["images"] == TEST_PEOPLE * PHOTOS  # the attributes are of all images


@pytest.mark.parametrize(
    ("partition", "message"), [("validation", "no image in the validation"), ("exam", "expected train, validation")]
)
def test_a_partition_that_is_not_there_is_refused(model: Model, faces: Faces, partition: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(model, faces, Settings(partition=partition))


def test_a_model_of_other_attributes_is_refused(faces: Faces) -> None:
    other = Model("other", "bundle", "0" * 64, ("Smiling", "Left_Handed"), {}, lambda images: None)  # type: ignore[arg-type,return-value]
    with pytest.raises(InputError, match="no label for Left_Handed"):
        evaluate(other, faces, QUICK)


def test_attributes_in_another_order_are_matched_by_name(model: Model, faces: Faces) -> None:
    other = Model(
        model.name,
        model.kind,
        model.sha256,
        model.attribute_names[::-1],
        {},
        lambda images: (model.embed(images)[0], model.embed(images)[1][:, ::-1]),
    )
    in_order, reversed_order = (evaluate(m, faces, QUICK)["attributes"]["per_attribute"] for m in (model, other))
    assert in_order == reversed_order
