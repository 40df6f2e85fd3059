"""torch -> backbone.onnx and head.onnx, and the parity that guards them."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from facedge.errors import ExportError
from facedge.export import parity
from facedge.export.onnx import backbone_onnx, head_onnx, template_head_onnx
from facedge.onnx_session import open_session
from facedge.train.architectures import Mirrored, build

IMAGES = np.random.default_rng(0).uniform(-1, 1, (9, 1, 32, 32)).astype(np.float32)


def torch_outputs(backbone: nn.Module, x: np.ndarray) -> dict[str, np.ndarray]:
    with torch.no_grad():
        embedding, logits = backbone(torch.from_numpy(x))
    return {"embedding": embedding.numpy(), "attributes": torch.sigmoid(logits).numpy()}


@pytest.fixture(scope="module")
def exported(backbone: nn.Module) -> bytes:
    return backbone_onnx(backbone, 32)


def test_contract_of_the_file(exported: bytes) -> None:
    model = onnx.load_from_string(exported)
    onnx.checker.check_model(model, full_check=True)
    assert [i.name for i in model.graph.input] == ["image"]
    assert [o.name for o in model.graph.output] == ["embedding", "attributes"]
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_param or d.dim_value for d in shape] == ["N", 1, 32, 32]
    assert model.opset_import[0].version <= 20 and len(model.opset_import) == 1
    assert not any(t.data_location == onnx.TensorProto.EXTERNAL for t in model.graph.initializer)
    assert "BatchNormalization" not in {n.op_type for n in model.graph.node}


def test_parity_on_batches_and_threads(backbone: nn.Module, exported: bytes) -> None:
    found = parity.measure(exported, lambda x: torch_outputs(backbone, x), IMAGES, name="backbone.onnx")
    parity.require(found, "backbone.onnx")
    assert 0 < found.worst < 1e-5  # engines that agree to the last bit would mean that one was compared with itself
    assert set(found.max_abs_difference) == {"embedding", "attributes"}


def test_outputs_are_unit_embeddings_and_probabilities(exported: bytes) -> None:
    embedding, attributes = open_session("model.onnx", exported).run(None, {"image": IMAGES[:3]})
    assert embedding.shape == (3, 16) and attributes.shape == (3, 40)
    assert np.allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)
    assert attributes.min() > 0 and attributes.max() < 1


def test_the_same_weights_give_the_same_bytes(backbone: nn.Module, exported: bytes) -> None:
    assert backbone_onnx(backbone, 32) == exported


def test_a_mirrored_backbone_takes_any_batch() -> None:
    """Once the batch's size was frozen into the graph with the halves that it was split into."""
    module = Mirrored(build("edge", 32, 5)).eval()
    engine = open_session("model.onnx", backbone_onnx(module, 32))
    for count in (1, 2, 7):
        expected = torch_outputs(module, IMAGES[:count])
        embedding, attributes = engine.run(["embedding", "attributes"], {"image": IMAGES[:count]})
        np.testing.assert_allclose(embedding, expected["embedding"], atol=1e-5)
        np.testing.assert_allclose(attributes, expected["attributes"], atol=1e-5)


def test_no_trace_of_where_it_was_exported(exported: bytes) -> None:
    for trace in (b".py", b"stack_trace", b"site-packages", b"conftest", b"pkg.torch"):
        assert trace not in exported


def test_a_difference_over_the_tolerance_is_refused(backbone: nn.Module, exported: bytes) -> None:
    def shifted(x: np.ndarray) -> dict[str, np.ndarray]:
        right = torch_outputs(backbone, x)
        return {**right, "attributes": right["attributes"] + np.float32(2e-4)}

    found = parity.measure(exported, shifted, IMAGES, name="backbone.onnx")
    with pytest.raises(ExportError, match=r"disagree: attributes by 0\.0002"):
        parity.require(found, "backbone.onnx")


def test_nan_is_a_difference(backbone: nn.Module, exported: bytes) -> None:
    def broken(x: np.ndarray) -> dict[str, np.ndarray]:
        right = torch_outputs(backbone, x)
        right["embedding"][3] = np.nan
        return right

    found = parity.measure(exported, broken, IMAGES, name="backbone.onnx")
    with pytest.raises(ExportError, match="disagree: embedding by nan"):
        parity.require(found, "backbone.onnx")


def test_parity_needs_images(backbone: nn.Module, exported: bytes) -> None:
    with pytest.raises(ExportError, match="at least 7 images, but 6 came"):
        parity.measure(exported, lambda x: torch_outputs(backbone, x), IMAGES[:6], name="backbone.onnx")


def test_head_from_torch(head: nn.Module) -> None:
    embedding = np.random.default_rng(1).standard_normal((9, 16)).astype(np.float32)

    def run(x: np.ndarray) -> dict[str, np.ndarray]:
        with torch.no_grad():
            return {"probability": head(torch.from_numpy(x)).numpy()}

    parity.require(parity.measure(head_onnx(head), run, embedding, name="head.onnx"), "head.onnx")


def test_a_head_of_another_shape_is_refused() -> None:
    with pytest.raises(ExportError, match="two Linear layers with biases, not 1"):
        head_onnx(nn.Linear(16, 1))


def test_the_template_head_accepts_nobody() -> None:
    embedding = np.random.default_rng(1).standard_normal((50, 16)).astype(np.float32) * 100
    (probability,) = open_session("model.onnx", template_head_onnx(16)).run(None, {"embedding": embedding})
    assert probability.shape == (50, 1) and not probability.any()


def test_a_backbone_that_torch_cannot_export_is_an_export_error() -> None:
    class Branching(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            if x.sum() > 0:
                x = x + 1
            return x.flatten(1), x.flatten(1)

    with pytest.raises(ExportError, match="could not export this backbone"):
        backbone_onnx(Branching(), 32)
