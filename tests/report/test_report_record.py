"""What report.json says: the contract's keys, figures that can be worked out, and honest gaps."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the tiny bundle is built with the onnx package")

from tiny_bundle import NAMES, write_tiny
from tiny_faces import PHOTOS, TEST_PEOPLE, write_tiny_faces

from facedge.dataset.faces import Faces
from facedge.errors import FacedgeError, InputError
from facedge.metrics import all_pairs
from facedge.report import Settings, evaluate
from facedge.report.groups import groups_section
from facedge.report.model import Model, embed_all, open_model
from facedge.report.verification import verification_section

QUICK = Settings(replicates=40)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Faces:
    return Faces.open(write_tiny_faces(tmp_path_factory.mktemp("report") / "faces"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return open_model(write_tiny(tmp_path_factory.mktemp("report") / "tiny.facedge").path)


@pytest.fixture(scope="module")
def record(model: Model, faces: Faces) -> dict[str, Any]:
    return evaluate(model, faces, Settings(replicates=40, robustness_images=24))


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


def test_the_attribute_figures_are_those_of_counting(record: dict[str, Any], model: Model, faces: Faces) -> None:
    rows = faces.indices("test")
    _, probabilities = embed_all(model, faces.images, rows)
    labels = faces.attributes[rows]
    hit = (probabilities >= 0.5) == (labels == 1)
    assert record["attributes"]["mean_accuracy"] == pytest.approx(hit.mean())
    assert list(record["attributes"]["per_attribute"]) == list(NAMES)
    best = np.maximum(labels.mean(axis=0), 1 - labels.mean(axis=0)).mean()
    assert record["attributes"]["majority_accuracy"] == pytest.approx(best)
    assert record["attributes"]["majority_accuracy_from_train"] <= best


def test_tiles_are_told_apart_and_random_attributes_tell_nothing(record: dict[str, Any]) -> None:
    assert record["verification"]["eer"] < 0.02
    assert record["verification"]["tar_at_far"]["1e-2"]["tar"] > 0.95
    assert 0.3 < record["baselines"]["attributes_known"]["eer"] < 0.7  # the labels were drawn at random


def test_a_far_too_low_for_these_people_is_null_with_the_reason(record: dict[str, Any]) -> None:
    entry = record["verification"]["tar_at_far"]["1e-4"]
    assert entry["tar"] is None
    assert "needs at least 246 impostor identities, but 40 identities" in entry["refused"]


def test_spoiling_nothing_changes_nothing_and_covering_costs(record: dict[str, Any]) -> None:
    curves, clean = record["robustness"]["curves"], record["robustness"]["clean"]
    for name, level in (("brightness", 1.0), ("rotation", 0), ("blur", 0), ("resolution", 178)):
        k = curves[name]["levels"].index(level)
        assert {key: curves[name][key][k] for key in clean} == clean
    assert min(curves["covered"]["tar"]) < clean["tar"]
    assert curves["rotation"]["tar"][0] < clean["tar"]


def test_the_same_seed_gives_the_same_record(model: Model, faces: Faces) -> None:
    assert evaluate(model, faces, QUICK) == evaluate(model, faces, QUICK)


def test_unknown_people_leave_verification_out(model: Model, tmp_path: Path) -> None:
    strangers = Faces.open(write_tiny_faces(tmp_path / "faces", people=6, known=False))
    found = evaluate(model, strangers, QUICK)
    assert found["attributes"] is not None
    assert found["verification"] is found["groups"] is found["baselines"] is None


def test_one_photo_each_leaves_verification_out(model: Model, tmp_path: Path) -> None:
    singles = Faces.open(write_tiny_faces(tmp_path / "faces", people=6, photos=1))
    assert evaluate(model, singles, QUICK)["verification"] is None


def test_more_images_than_wanted_are_chosen_evenly(model: Model, faces: Faces) -> None:
    found = evaluate(model, faces, Settings(replicates=40, max_images=2 * TEST_PEOPLE))
    assert found["verification"]["identities"] == TEST_PEOPLE
    assert found["verification"]["genuine"] == TEST_PEOPLE
    assert found["data"]["images"] == TEST_PEOPLE * PHOTOS  # the attributes saw them all


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
    turned = Model(
        model.name,
        model.kind,
        model.sha256,
        model.attribute_names[::-1],
        {},
        lambda images: (model.embed(images)[0], model.embed(images)[1][:, ::-1]),
    )
    mine, theirs = (evaluate(m, faces, QUICK)["attributes"]["per_attribute"] for m in (model, turned))
    assert mine == theirs


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a bundle"):
        open_model(tmp_path)


def test_a_spoilt_bundle_is_refused(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "tiny.facedge").path
    data = bytearray((path / "backbone.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (path / "backbone.onnx").write_bytes(data)
    with pytest.raises(FacedgeError, match="damaged"):
        open_model(path)


def test_groups_are_judged_within_themselves() -> None:
    # Two groups of ten people with two photos; within the first everyone looks the same, within the second no one.
    ids = np.repeat(np.arange(20), 2)
    x = np.zeros((40, 21), dtype=np.float32)
    x[:20, 0] = 1.0
    x[np.arange(20, 40), ids[20:]] = 1.0
    labels = np.repeat([1, 0], 20).astype(np.uint8)[:, None]
    found = groups_section(x, ids, labels, ("Male",), 0.5, "FAR 1 %", replicates=20, seed=0)
    sides = found["by_label"]["Male"]
    assert (sides["with"]["far"], sides["without"]["far"]) == (1.0, 0.0)
    assert (sides["with"]["frr"], sides["without"]["frr"]) == (0.0, 0.0)
    assert (sides["with"]["identities"], sides["with"]["impostor"]) == (10, 180)
    assert found["largest_ratio"] is None  # nothing divides by zero, and nothing pretends


def test_a_ratio_is_the_larger_over_the_smaller() -> None:
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(60), 2)
    x = rng.normal(size=(120, 4)).astype(np.float32)
    x[:60] += 1.0  # the first thirty look alike
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    labels = np.repeat([0, 1], 60).astype(np.uint8)[:, None]
    found = groups_section(x, ids, labels, ("Young",), 0.5, "FAR 1 %", replicates=20, seed=0)
    sides = found["by_label"]["Young"]
    assert sides["without"]["far"] > sides["with"]["far"] > 0
    assert found["largest_ratio"] == sides["without"]["far"] / sides["with"]["far"]
    assert found["largest_ratio_label"] == "Young"


def test_equal_scores_everywhere_still_make_a_section() -> None:
    x = np.ones((8, 1), dtype=np.float32)
    found = verification_section(all_pairs(x, np.arange(8) // 2), images=8, replicates=10, seed=0)
    assert found["eer"] == 0.5
    json.dumps(found, allow_nan=False)
