"""Verifying: scores, thresholds, reasons, and that nothing is ever accepted by accident."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("onnx")

import tiny_bundle
from onnx import helper
from tiny_bundle import crop, embedding_of

import facedge
from facedge.bundle import write_bundle
from facedge.errors import BundleError, ImageError, InputError
from facedge.runtime.decision import STAGES, Decision
from facedge.runtime.verifier import Verifier, load


@pytest.fixture
def verifier(tiny_bundle: Path) -> Verifier:
    return load(tiny_bundle)


def head_with(constant: float) -> bytes:
    """A head that answers the same for everyone."""
    nodes = [
        helper.make_node("ReduceSum", ["embedding", "axes"], ["sum"], keepdims=1),
        helper.make_node("Mul", ["sum", "zero"], ["none"]),
        helper.make_node("Add", ["none", "answer"], ["probability"]),
    ]
    weights = {"axes": np.array([1]), "zero": np.zeros(1, np.float32), "answer": np.array([constant], np.float32)}
    inputs, outputs = [tiny_bundle.port("embedding", "N", 16)], [tiny_bundle.port("probability", "N", 1)]
    return tiny_bundle.model_onnx(nodes, inputs, outputs, weights)


def test_me_is_accepted_and_others_are_not(verifier: Verifier) -> None:
    decision = verifier.verify(crop(0))
    assert decision.accepted
    assert decision.reason is None
    assert decision.score == pytest.approx(0.8808, abs=1e-3)
    assert (decision.box, decision.landmarks) == (None, None)
    assert set(decision.attributes) == set(tiny_bundle.NAMES)
    assert set(decision.ms) == set(STAGES)
    for seed in range(1, 20):
        other = verifier.verify(crop(seed))
        assert not other.accepted
        assert other.reason == "below_threshold"


def test_a_path_bytes_and_pixels_give_the_same_score(verifier: Verifier, tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(crop(0)).save(tmp_path / "me.png")
    scores = {verifier.verify(p).score for p in (tmp_path / "me.png", str(tmp_path / "me.png"), crop(0))}
    scores.add(verifier.verify((tmp_path / "me.png").read_bytes()).score)
    assert len(scores) == 1


def test_half_scale_and_grey_count_as_aligned(verifier: Verifier) -> None:
    assert verifier.verify(crop(0, 109, 89)).accepted
    assert verifier.verify(crop(0)[:, :, 1]).score is not None


def test_any_size_may_be_called_aligned(verifier: Verifier) -> None:
    assert verifier.verify(crop(0, 436, 356), aligned=True).accepted


def test_embeddings_are_those_worked_out_in_numpy(verifier: Verifier) -> None:
    crops = np.stack([crop(seed) for seed in range(70)])  # more than two batches
    embeddings = verifier.embed(crops)
    assert embeddings.shape == (70, tiny_bundle.DIMS)
    assert np.abs(embeddings - np.stack([embedding_of(image) for image in crops])).max() < 1e-5
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_attributes_are_probabilities(verifier: Verifier) -> None:
    found = verifier.attributes(np.stack([crop(1), crop(2)]))
    assert found.shape == (2, len(tiny_bundle.NAMES))
    assert ((found >= 0) & (found <= 1)).all()
    named = verifier.verify(crop(1)).attributes
    assert [named[name] for name in verifier.attribute_names] == pytest.approx(found[0].tolist(), abs=1e-6)


@pytest.mark.parametrize("level", [0, 127, 255])
def test_a_flat_crop_is_too_poor_to_tell(verifier: Verifier, level: int) -> None:
    decision = verifier.verify(np.full((218, 178, 3), level, np.uint8))
    assert (decision.accepted, decision.score, decision.reason) == (False, None, "low_quality")


@pytest.mark.parametrize("answer", [np.nan, np.inf, -np.inf, 1.5, -0.5])
def test_a_head_that_answers_nonsense_accepts_nobody(tmp_path: Path, answer: float) -> None:
    bundle = write_bundle(
        tmp_path / "a.facedge", tiny_bundle.files(head__onnx=head_with(answer)), tiny_bundle.manifest()
    )
    for threshold in (None, 0.0):
        decision = load(bundle, threshold=threshold).verify(crop(0))
        assert (decision.accepted, decision.score, decision.reason) == (False, None, "below_threshold")


def test_a_score_at_the_threshold_is_accepted(tmp_path: Path) -> None:
    manifest = tiny_bundle.manifest(threshold=0.75)
    bundle = write_bundle(tmp_path / "a.facedge", tiny_bundle.files(head__onnx=head_with(0.75)), manifest)
    assert load(bundle).verify(crop(3)).accepted
    above = float(np.nextafter(np.float32(0.75), np.float32(1)))
    assert not load(bundle, threshold=above).verify(crop(3)).accepted


def test_nan_pixels_of_the_backbone_accept_nobody(verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = np.full((1, tiny_bundle.DIMS), np.nan, np.float32), np.zeros((1, 4), np.float32)
    monkeypatch.setattr(verifier.embedder, "infer", lambda images: nothing)
    decision = verifier.verify(crop(0))
    assert (decision.accepted, decision.score) == (False, None)


def test_an_exception_is_an_exception(verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(verifier, "score", broken)
    with pytest.raises(RuntimeError, match="out of memory"):
        verifier.verify(crop(0))


def test_a_template_embeds_but_does_not_verify(tmp_path: Path) -> None:
    bundle = tiny_bundle.write_tiny(tmp_path / "t.facedge", enrolled=False, threshold=None, calibration=None)
    verifier = load(bundle)
    assert verifier.embed(crop(0)[None]).shape == (1, tiny_bundle.DIMS)
    sentence = "nobody is enrolled in this bundle: run facedge enroll"
    with pytest.raises(BundleError, match=sentence):
        verifier.verify(crop(0))
    with pytest.raises(BundleError, match=sentence):
        _ = verifier.threshold
    with pytest.raises(BundleError, match=sentence):
        load(bundle, threshold=0.5)


@pytest.mark.parametrize(
    "photo",
    [
        np.zeros((218, 178, 4), np.uint8), np.zeros((218, 178, 3), np.float32), np.zeros((0, 178, 3), np.uint8),
        np.zeros(5, np.uint8), np.zeros((1, 218, 178, 3), np.uint8), None, 7,
    ],
    ids=["four channels", "float", "empty", "a line", "a batch", "none", "a number"],
)  # fmt: skip
def test_what_is_no_photo_is_refused(verifier: Verifier, photo: object) -> None:
    with pytest.raises(InputError, match="photo: expected uint8 RGB"):
        verifier.verify(photo)  # type: ignore[arg-type]


@pytest.mark.parametrize("crops", [crop(0), np.zeros((2, 9, 9, 3)), np.zeros((0, 9, 9, 3), np.uint8), crop(0)[:, :, 0]])
def test_what_is_no_batch_is_refused(verifier: Verifier, crops: NDArray[np.uint8]) -> None:
    with pytest.raises(InputError, match="crops: expected a uint8 batch"):
        verifier.embed(crops)


def test_a_broken_file_is_an_error_not_a_rejection(verifier: Verifier, tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_text("hello")
    with pytest.raises(ImageError):
        verifier.verify(tmp_path / "x.jpg")


def test_threads_do_not_change_the_score(tiny_bundle: Path) -> None:
    assert load(tiny_bundle, threads=2).verify(crop(0)).score == load(tiny_bundle).verify(crop(0)).score


def test_the_record_has_the_keys_of_the_contract(verifier: Verifier) -> None:
    record = verifier.verify(crop(1)).to_record("x.jpg")
    assert list(record) == [
        "probe", "decision", "reason", "score", "threshold", "far", "box", "landmarks", "attributes", "ms",
    ]  # fmt: skip
    assert record["decision"] == "reject"
    assert record["far"] == {"target": 0.01, "upper95": 0.02}
    assert list(record["ms"]) == ["decode", "detect", "align", "preprocess", "infer"]
    found = replace(verifier.verify(crop(0)), box=(1.0, 2.0, 3.0, 4.0), landmarks=((1.0, 2.0),) * 5)
    assert isinstance(found, Decision)
    assert found.to_record("x")["landmarks"] == [[1.0, 2.0]] * 5


def test_the_public_names_lead_here(tiny_bundle: Path) -> None:
    assert facedge.load(tiny_bundle).verify(crop(0)).accepted
    assert facedge.Verifier is Verifier
