"""Verifying: scores, thresholds, reasons, and that nothing is ever accepted by accident."""

import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

import tiny_bundle
from onnx import helper
from tiny_bundle import crop, embedding_of

import facedge
from facedge.bundle import Bundle, read_bundle, write_bundle
from facedge.errors import BundleError, ImageError, InputError
from facedge.faces.options import FaceOptions
from facedge.runtime.decision import STAGES, Decision
from facedge.runtime.embedder import Embedder
from facedge.runtime.verifier import Verifier, load
from facedge.types import Float32Array, UInt8Array


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


@pytest.mark.parametrize("mode", ["RGB", "P", "L", "RGBA"])
def test_a_pil_image_scores_as_its_file_does(verifier: Verifier, tmp_path: Path, mode: str) -> None:
    from PIL import Image

    image = Image.fromarray(crop(0)).convert(mode)
    image.save(tmp_path / "me.png")
    assert verifier.verify(image).score == verifier.verify(tmp_path / "me.png").score


def test_a_pil_image_is_turned_by_its_exif(verifier: Verifier, tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(crop(0))).save(tmp_path / "me.png", exif=exif)
    with Image.open(tmp_path / "me.png") as image:
        assert image.size == (218, 178)
        assert verifier.verify(image).score == verifier.verify(crop(0)).score


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
    def broken(embeddings: Float32Array) -> Float32Array:
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
def test_what_is_no_batch_is_refused(verifier: Verifier, crops: UInt8Array) -> None:
    with pytest.raises(InputError, match="crops: expected a uint8 batch"):
        verifier.embed(crops)


def test_a_broken_file_is_an_error_not_a_rejection(verifier: Verifier, tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_text("hello")
    with pytest.raises(ImageError):
        verifier.verify(tmp_path / "x.jpg")


def test_threads_do_not_change_the_score(tiny_bundle: Path) -> None:
    assert load(tiny_bundle, threads=2).verify(crop(0)).score == load(tiny_bundle).verify(crop(0)).score


def test_the_record_has_the_keys_of_the_contract(verifier: Verifier) -> None:
    record = verifier.verify(crop(1)).to_record("x.jpg", attributes=True)
    assert list(record) == [
        "probe", "decision", "reason", "score", "threshold", "far", "faces", "not_judged", "box", "landmarks",
        "attributes", "ms",
    ]  # fmt: skip
    assert record["decision"] == "reject"
    assert record["far"] == {"target": 0.01, "upper95": 0.02}
    assert list(record["ms"]) == ["decode", "detect", "align", "preprocess", "infer"]
    found = replace(verifier.verify(crop(0)), box=(1.0, 2.0, 3.0, 4.0), landmarks=((1.0, 2.0),) * 5)
    assert isinstance(found, Decision)
    assert found.to_record("x")["landmarks"] == [[1.0, 2.0]] * 5


@pytest.mark.parametrize("crops", [[[1, 2], [3]], [crop(0), crop(0, 109, 89)]])
def test_ragged_batches_are_one_sentence(verifier: Verifier, crops: list[UInt8Array]) -> None:
    with pytest.raises(InputError, match=r"crops: expected a uint8 batch .* got no array"):
        verifier.embed(crops)  # type: ignore[arg-type]


def copied(original: Verifier) -> Verifier:
    made = pickle.loads(pickle.dumps(original))
    assert isinstance(made, Verifier)
    return made


def test_a_verifier_can_be_pickled(tiny_bundle: Path) -> None:
    original = load(tiny_bundle, far=0.1, options=FaceOptions("only", min_face=0.2), threads=2, precision="fp32")
    shutil.rmtree(tiny_bundle)  # the copy carries the bytes that were checked
    copy = copied(copied(original))
    assert (copy.threshold, copy.options, copy.embedder.threads) == (0.3, original.options, 2)
    assert copy.bundle == original.bundle
    for seed in range(3):
        ours, theirs = original.verify(crop(seed)), copy.verify(crop(seed))
        assert (theirs.score, theirs.accepted, theirs.far) == (ours.score, ours.accepted, ours.far)


def test_a_verifier_reaches_another_process(verifier: Verifier) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(verifier.verify, crop(0)).result().score == verifier.verify(crop(0)).score


def test_an_embedder_can_be_pickled(tiny_bundle: Path) -> None:
    embedder = Embedder(read_bundle(tiny_bundle), threads=2)
    copy = pickle.loads(pickle.dumps(embedder))
    assert (copy.threads, copy.precision) == (2, "fp32")
    np.testing.assert_array_equal(copy.embed(crop(1)[None]), embedder.embed(crop(1)[None]))


def test_embeddings_and_attributes_come_together(verifier: Verifier) -> None:
    crops = np.stack([crop(seed) for seed in range(40)])
    embeddings, attributes = verifier.embedder.embed_with_attributes(crops)
    np.testing.assert_array_equal(embeddings, verifier.embed(crops))
    np.testing.assert_array_equal(attributes, verifier.attributes(crops))


def test_a_persons_name_is_loaded(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_bundle, tmp_path / "data" / "facedge" / "ana.facedge")
    (tmp_path / "ana").mkdir()  # a folder of that name is not taken instead
    assert load("ana").verify(crop(0)).accepted
    assert load(str(tiny_bundle)).bundle == load(tiny_bundle).bundle
    with pytest.raises(BundleError, match=r"nobody called 'bob' is enrolled \(enrolled: ana\)"):
        load("bob")


def test_nothing_named_is_the_bundle_of_the_package() -> None:
    bundle = load().bundle
    assert isinstance(bundle, Bundle)
    assert bundle.path == facedge.pretrained()


@pytest.mark.parametrize("value", ["", "  ", Path()])
def test_an_empty_value_is_refused(value: str | Path) -> None:
    with pytest.raises(InputError, match="got an empty value"):
        load(value)


def test_the_public_names_lead_here(tiny_bundle: Path) -> None:
    assert facedge.load(tiny_bundle).verify(crop(0)).accepted
    assert facedge.Verifier is Verifier
