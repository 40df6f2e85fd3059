"""int8: the same contract in a quarter of the bytes, shipped only when it passes its gate."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from export_runs import SPEC, write_backbone, write_faces, write_head
from torch import nn

from facedge.bundle.arrays import read_array
from facedge.dataset.prepared import Faces
from facedge.demo.synthetic_dataset import write_photo_folders
from facedge.errors import ExportError
from facedge.export import int8
from facedge.export.bundle import ExportRequest, export_bundle
from facedge.export.held_out import Figures
from facedge.export.int8 import (
    LAYERS,
    Gate,
    Quantized,
    judge,
    layers,
    output_error,
    quantize,
    quantize_gated,
    sensitivity,
)
from facedge.export.onnx import backbone_onnx
from facedge.faces.crop import find_crop
from facedge.imaging import load_rgb
from facedge.onnx_session import open_session
from facedge.runtime.golden import check_golden
from facedge.runtime.verifier import load
from facedge.train.architectures import Edge, Mirrored
from facedge.train.run_folder import load_backbone
from facedge.types import silent, untracked

IMAGES = np.random.default_rng(0).uniform(-1, 1, (40, 1, 32, 32)).astype(np.float32)
FIGURES = Figures("test", 100, 0.88, 0.80, 10, 50, 500, 0.1, 0.30)


@pytest.fixture(scope="module")
def small(backbone: nn.Module) -> bytes:
    return backbone_onnx(backbone, 32)


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> ExportRequest:
    folder = tmp_path_factory.mktemp("int8")
    run = write_backbone(folder / "run")
    return ExportRequest(
        run, folder / "x.facedge", head=write_head(folder / "head", run), faces=write_faces(folder / "faces"), int8=True
    )


def test_quantized_keeps_the_contract(small: bytes) -> None:
    data = quantize(small, IMAGES)
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    assert {t.data_type for t in model.graph.initializer} >= {onnx.TensorProto.INT8, onnx.TensorProto.UINT8}
    assert all(o.domain in ("", "ai.onnx") and o.version <= 20 for o in model.opset_import)
    engine = open_session("model.onnx", data)
    for n in (1, 2, 7):
        embedding, attributes = engine.run(["embedding", "attributes"], {"image": IMAGES[:n]})
        assert embedding.shape == (n, 16) and attributes.shape == (n, 40)
        assert np.allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)


def test_weights_leave_room_for_16_bit_sums_of_processors_without_vnni(small: bytes) -> None:
    """With -127..127 two products of a byte and a weight saturate there, and embeddings are somebody else's."""
    weights = [
        onnx.numpy_helper.to_array(t)
        for t in onnx.load_from_string(quantize(small, IMAGES)).graph.initializer
        if t.data_type == onnx.TensorProto.INT8 and len(t.dims) > 1
    ]
    assert len(weights) == len(layers(small))
    assert all(60 <= np.abs(w.astype(int)).max() <= 64 for w in weights)


def test_quantized_outputs_are_close_but_not_equal(small: bytes) -> None:
    outputs = [
        open_session("model.onnx", m).run(["embedding", "attributes"], {"image": IMAGES})
        for m in (small, quantize(small, IMAGES))
    ]
    assert 0 < output_error(tuple(outputs[1]), tuple(outputs[0])) < 0.01


def test_the_same_images_give_the_same_bytes(small: bytes) -> None:
    assert quantize(small, IMAGES) == quantize(small, IMAGES)


def test_layers_left_in_float_are_float(small: bytes) -> None:
    names = layers(small)
    assert len(names) == 3
    kept = onnx.load_from_string(quantize(small, IMAGES, in_float=names[:1]))
    by_name = {node.name: node for node in kept.graph.node}
    floats = {t.name for t in kept.graph.initializer if t.data_type == onnx.TensorProto.FLOAT}
    assert by_name[names[0]].input[1] in floats
    assert by_name[names[1]].input[1].endswith("DequantizeLinear_Output")


def test_what_only_the_attributes_are_made_of_stays_in_float() -> None:
    edge = backbone_onnx(Mirrored(Edge(32, 40)), 32)
    names = [node.name for node in onnx.load_from_string(edge).graph.node if node.op_type in LAYERS]
    assert layers(edge) == [name for name in names if name != names[-1]]
    quantized = onnx.load_from_string(quantize(edge, IMAGES))
    floats = {t.name for t in quantized.graph.initializer if t.data_type == onnx.TensorProto.FLOAT}
    (layer,) = [node for node in quantized.graph.node if node.name == names[-1]]
    assert layer.input[1] in floats
    joined = next(node for node in quantized.graph.node if layer.input[0] in node.output)
    assert joined.op_type == "Concat"
    quantizing = {n for node in quantized.graph.node if node.op_type == "QuantizeLinear" for n in node.input}
    pools = [node for node in quantized.graph.node if node.op_type == "AveragePool"]
    assert len(pools) == 3 and not any(node.output[0] in quantizing for node in pools)


def test_the_attributes_have_the_same_mean_logits_as_in_float32() -> None:
    edge = Edge(32, 40)
    with torch.no_grad():
        edge.attributes.weight *= 100  # of a size that training gives
    model = backbone_onnx(Mirrored(edge), 32)
    logits = []
    for data in (model, quantize(model, IMAGES)):
        (p,) = open_session("model.onnx", data).run(["attributes"], {"image": IMAGES})
        logits.append(np.log(p / (1 - p)))
    assert np.abs(logits[1] - logits[0]).max() > 1e-2
    assert np.allclose(logits[1].mean(0), logits[0].mean(0), atol=1e-5)


def test_sensitivity_orders_all_layers(small: bytes) -> None:
    found = sensitivity(small, IMAGES[:16])
    assert {name for name, _ in found} == set(layers(small))
    assert [h for _, h in found] == sorted((h for _, h in found), reverse=True) and found[0][1] > 0


@pytest.mark.parametrize(
    ("accuracy", "tar", "speedup", "failed"),
    [
        (0.8771, 0.2901, 1.01, []),
        (0.8769, 0.30, 2.0, ["attribute accuracy"]),
        (0.88, 0.2899, 2.0, ["TAR at FAR 1e-3"]),
        (0.90, 0.40, 1.0, ["speed"]),
        (0.1, 0.0, 0.5, ["attribute accuracy", "TAR at FAR 1e-3", "speed"]),
    ],
)
def test_the_gate(accuracy: float, tar: float, speedup: float, failed: list[str]) -> None:
    gates = judge(FIGURES, replace(FIGURES, attribute_accuracy=accuracy, tar_at_far_1e_3=tar), speedup)
    assert [gate.name for gate in gates if not gate.passed] == failed


def test_without_identities_the_gate_has_no_tar() -> None:
    unknown = replace(FIGURES, tar_at_far_1e_3=None)
    assert [gate.name for gate in judge(unknown, unknown, 2.0)] == ["attribute accuracy", "speed"]


def test_the_sentence_names_the_gate_that_failed() -> None:
    gates = (Gate("attribute accuracy", "-2.00%", "-0.3%", False), Gate("speed", "2.00x of float32", "over 1x", True))
    said = Quantized(None, gates, ("conv",), "test", 2.0).sentence()
    assert "fails its gate (attribute accuracy)" in said and "float32 only" in said and "1 layers in float" in said


def test_a_bundle_with_int8_runs_on_it(request_: ExportRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8, "ACCURACY_LOSS", 1.0)  # random weights: any accuracy is luck
    monkeypatch.setattr(int8, "TAR_LOSS", 1.0)
    monkeypatch.setattr(int8, "interleaved_speedup", lambda *_: 1.5)
    said: list[str] = []
    bundle = export_bundle(request_, say=said.append)
    m = bundle.manifest
    assert m.precision == "int8" and m.metrics["int8"]["shipped"] and m.metrics["int8"]["speedup"] == 1.5
    assert len(bundle.files["backbone.int8.onnx"]) < len(bundle.files["backbone.onnx"]) / 2
    assert any("int8 passes its gate on the test faces" in line for line in said)
    assert m.calibration and "the higher score of float32 and int8" in m.calibration.method
    assert request_.faces is not None
    faces = Faces.open(request_.faces)
    images = np.ascontiguousarray(faces.images[faces.indices("validation")])
    for precision in ("fp32", "int8"):  # one threshold keeps the FAR in both
        verifier = load(bundle, precision=precision)
        assert np.mean(verifier.score(verifier.embed(images)) >= verifier.threshold) <= m.calibration.far_target
    assert "reproduced" in check_golden(bundle)


def test_impostor_photos_count_in_both_precisions(
    request_: ExportRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(int8, "ACCURACY_LOSS", 1.0)
    monkeypatch.setattr(int8, "TAR_LOSS", 1.0)
    monkeypatch.setattr(int8, "interleaved_speedup", lambda *_: 1.5)
    photos = sorted(write_photo_folders(tmp_path, others=4, probes=0).others.iterdir())
    for number, photo in enumerate(photos):
        (tmp_path / "crowd" / str(number)).mkdir(parents=True)
        photo.rename(tmp_path / "crowd" / str(number) / photo.name)
    asked = replace(request_, output=tmp_path / "x.facedge", impostors=tmp_path / "crowd")
    bundle = export_bundle(asked)
    m = bundle.manifest
    assert m.precision == "int8" and m.calibration and m.calibration.identities == 40 + 4
    assert "strangers in crowd, the higher score of float32 and int8" in m.calibration.method
    crops = [find_crop(load_rgb(path)).crop for path in sorted((tmp_path / "crowd").rglob("*.*"))]
    in_int8 = np.concatenate([load(bundle, precision="int8").embed(crop[None]) for crop in crops if crop is not None])
    cohort = read_array("cohort.npy", bundle.files["cohort.npy"])
    assert all(np.abs(cohort - row).max(axis=1).min() < 1e-5 for row in in_int8)  # enrollment needs the int8 embeddings


def test_a_failed_gate_leaves_float_only(
    request_: ExportRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(int8, "interleaved_speedup", lambda *_: 0.4)
    monkeypatch.setattr(int8, "ACCURACY_LOSS", 1.0)
    monkeypatch.setattr(int8, "TAR_LOSS", 1.0)
    said: list[str] = []
    bundle = export_bundle(replace(request_, output=tmp_path / "x.facedge"), say=said.append)
    assert bundle.manifest.precision == "fp32" and "backbone.int8.onnx" not in bundle.files
    assert bundle.manifest.metrics["int8"]["shipped"] is False
    assert any("int8 fails its gate (speed)" in line for line in said)


def test_lossy_layers_are_tried_in_float(request_: ExportRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    assert request_.faces is not None
    monkeypatch.setattr(int8, "ACCURACY_LOSS", -1.0)  # nothing can pass
    monkeypatch.setattr(int8, "sensitivity", lambda backbone, _: [(name, 0.1) for name in layers(backbone)])
    monkeypatch.setattr(int8, "interleaved_speedup", lambda *_: 1.5)
    module, config = load_backbone(request_.run)
    data = backbone_onnx(module, SPEC.size)
    faces = Faces.open(request_.faces)
    found = quantize_gated(data, faces, config.spec, silent, untracked)
    assert found.data is None and found.in_float == tuple(layers(data)[:4])


def test_no_layer_is_tried_in_float_where_int8_is_no_faster(
    request_: ExportRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recogniser of a hundred layers takes hours to search, and could only become slower."""
    assert request_.faces is not None
    monkeypatch.setattr(int8, "ACCURACY_LOSS", -1.0)
    monkeypatch.setattr(int8, "sensitivity", lambda *_: pytest.fail("the error of each layer was measured"))
    monkeypatch.setattr(int8, "interleaved_speedup", lambda *_: 1.0)
    module, config = load_backbone(request_.run)
    faces = Faces.open(request_.faces)
    found = quantize_gated(backbone_onnx(module, SPEC.size), faces, config.spec, silent, untracked)
    assert found.data is None and found.in_float == ()
    assert [gate.name for gate in found.gates if not gate.passed] == ["attribute accuracy", "speed"]


def test_int8_needs_faces(request_: ExportRequest, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="give --faces FACES"):
        export_bundle(ExportRequest(request_.run, tmp_path / "x.facedge", int8=True))


def test_interleaved_speedup_of_a_model_with_itself_is_about_one(small: bytes) -> None:
    assert 0.5 < int8.interleaved_speedup(small, small, IMAGES[:1]) < 2.0
