"""Sessions: opened from bytes, silent, and held to the contract."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("onnx")

import tiny_bundle
from onnx import helper

from facedge import onnx_session
from facedge.errors import BundleError, InputError
from facedge.onnx_session import CPU, FLOAT, Port, check_ports, open_session, with_cuda


def test_a_head_opens_and_runs() -> None:
    session = open_session("head.onnx", tiny_bundle.head_onnx())
    me = tiny_bundle.embedding_of(tiny_bundle.crop(0))[None]
    (probability,) = session.run(None, {"embedding": me})
    assert probability[0, 0] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-5)


def test_a_gpu_is_used_where_onnxruntime_has_its_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    for available, expected in (([*CPU], CPU), (["CUDAExecutionProvider", *CPU], ("CUDAExecutionProvider", *CPU))):
        monkeypatch.setattr(onnx_session.onnxruntime, "get_available_providers", lambda found=available: found)
        assert with_cuda() == expected


@pytest.mark.parametrize("threads", [0, -1, 257])
def test_senseless_threads_are_refused(threads: int) -> None:
    with pytest.raises(InputError, match="threads: expected 1 to 256"):
        open_session("head.onnx", tiny_bundle.head_onnx(), threads=threads)


def test_a_graph_that_onnxruntime_refuses_ends_in_one_sentence() -> None:
    node = helper.make_node("NoSuchOperator", ["embedding"], ["probability"])
    graph = helper.make_graph(
        [node], "g", [tiny_bundle.port("embedding", "N", 4)], [tiny_bundle.port("probability", "N", 1)]
    )
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    with pytest.raises(BundleError, match=r"^head\.onnx does not load in onnxruntime .*NoSuchOperator") as caught:
        open_session("head.onnx", data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("inputs", "outputs", "sentence"),
    [
        ([Port("image", FLOAT, (None, 16))], [], "expected input image, got embedding"),
        (
            [Port("embedding", FLOAT, (None, 17))],
            [],
            r"should be tensor\(float\) \(N, 17\), got tensor\(float\) \(N, 16\)",
        ),
        ([Port("embedding", FLOAT, (1, 16))], [], r"should be tensor\(float\) \(1, 16\)"),
        ([Port("embedding", "tensor(uint8)", (None, 16))], [], r"should be tensor\(uint8\)"),
        ([Port("embedding", FLOAT, (None, 16))], [Port("score", FLOAT, (None, 1))], "expected output score"),
    ],
)
def test_another_contract_is_refused(inputs: list[Port], outputs: list[Port], sentence: str) -> None:
    session = open_session("head.onnx", tiny_bundle.head_onnx())
    with pytest.raises(BundleError, match=sentence):
        check_ports("head.onnx", session, inputs, outputs)


def test_telemetry_is_off_before_onnxruntime_is_imported() -> None:
    script = "import facedge.onnx_session, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {key: value for key, value in os.environ.items() if key not in ("CI", "ORT_DISABLE_TELEMETRY")}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
    assert done.stderr == ""
