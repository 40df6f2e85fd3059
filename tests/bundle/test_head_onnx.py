"""The hand-written head.onnx against the onnx package, onnxruntime, and damage."""

import contextlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedge.bundle.head_onnx import OPSET, HeadWeights, head_onnx_bytes, read_head
from facedge.errors import BundleError, InputError

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def random_weights(d: int = 24, h: int = 40, seed: int = 0) -> HeadWeights:
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in [(h, d), (h,), (1, h), (1,)]]
    return HeadWeights(*arrays)


def written(w: HeadWeights) -> bytes:
    return head_onnx_bytes(w.hidden_weight, w.hidden_bias, w.output_weight, w.output_bias)


def numpy_probability(w: HeadWeights, embedding: np.ndarray) -> np.ndarray:
    active = np.maximum(embedding.astype(np.float64) @ w.hidden_weight.T.astype(np.float64) + w.hidden_bias, 0)
    return 1 / (1 + np.exp(-(active @ w.output_weight.T.astype(np.float64) + w.output_bias)))


def test_onnx_checker_accepts_it_and_finds_the_contract() -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(written(random_weights(24)))
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["Gemm", "Relu", "Gemm", "Sigmoid"]
    assert [t.name for t in model.graph.initializer] == ["hidden.weight", "hidden.bias", "output.weight", "output.bias"]
    dims = model.graph.input[0].type.tensor_type.shape.dim
    assert (model.graph.input[0].name, dims[0].dim_param, dims[1].dim_value) == ("embedding", "N", 24)
    assert model.graph.output[0].name == "probability"
    assert model.opset_import[0].version == OPSET


def test_bytes_equal_those_of_the_onnx_package() -> None:
    onnx = pytest.importorskip("onnx")
    data = written(random_weights(200, 40))
    assert onnx.load_from_string(data).SerializeToString(deterministic=True) == data


@pytest.mark.parametrize(("d", "h"), [(1, 1), (24, 40), (128, 40), (300, 129)])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_onnxruntime_computes_what_the_weights_say(d: int, h: int, n: int) -> None:
    import onnxruntime as ort

    w = random_weights(d, h, seed=d)
    session = ort.InferenceSession(written(w), providers=["CPUExecutionProvider"])
    embedding = np.random.default_rng(n).standard_normal((n, d)).astype(np.float32)
    (probability,) = session.run(["probability"], {"embedding": embedding})
    assert probability.shape == (n, 1)
    assert np.abs(probability - numpy_probability(w, embedding)).max() < 1e-5


def test_read_head_returns_the_very_weights() -> None:
    w = random_weights(17, 40)
    back = read_head(written(w))
    for field in ("hidden_weight", "hidden_bias", "output_weight", "output_bias"):
        assert np.array_equal(getattr(back, field), getattr(w, field))
    assert (back.embedding_size, back.hidden_size) == (17, 40)


def test_wrong_shapes_are_refused() -> None:
    w = random_weights()
    with pytest.raises(InputError, match=r"shapes \(H, D\)"):
        head_onnx_bytes(w.hidden_weight.T, w.hidden_bias, w.output_weight, w.output_bias)
    with pytest.raises(InputError, match=r"shapes \(H, D\)"):
        head_onnx_bytes(w.hidden_bias, w.hidden_bias, w.output_weight, w.output_bias)


def test_weights_that_are_not_finite_are_refused() -> None:
    w = random_weights()
    w.output_bias[0] = np.nan
    with pytest.raises(InputError, match="finite"):
        written(w)


def test_another_graph_is_refused() -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(written(random_weights()))
    model.graph.node[1].op_type = "LeakyRelu"
    with pytest.raises(BundleError, match="not a facedge head"):
        read_head(model.SerializeToString())


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_bytes_never_raise_anything_but_bundle_error(data: st.DataObject) -> None:
    good = written(random_weights(3, 2))
    at = data.draw(st.integers(0, len(good) - 1))
    damaged = good[:at] + bytes([data.draw(st.integers(0, 255))]) + good[at + 1 :]
    with contextlib.suppress(BundleError):  # a flipped weight is still a head; everything else must be refused
        read_head(damaged)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(BundleError):
        read_head(data)


def test_it_needs_neither_onnx_nor_onnxruntime() -> None:
    heavy = "[m for m in ('onnx', 'onnxruntime', 'torch') if m in sys.modules]"
    code = f"import sys, facedge.bundle.head_onnx; print({heavy})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
