"""ONNX graphs as torch modules: each operator computes what onnxruntime computes."""

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from facedge.errors import RunError
from facedge.onnx_session import open_session
from facedge.train.onnx_module import OPERATORS, OnnxModule

DRAW = np.random.default_rng(5)
SHAPE = (3, 4, 6, 6)


def floats(*shape: int) -> np.ndarray[Any, Any]:
    return DRAW.uniform(0.2, 1.5, shape).astype(np.float32)


def whole(*numbers: int) -> np.ndarray[Any, Any]:
    return np.array(numbers, np.int64)


def node(kind: str, *constants: np.ndarray[Any, Any], outputs: int = 1, **attributes: Any) -> dict[str, Any]:
    return {"kind": kind, "constants": constants, "outputs": outputs, "attributes": attributes}


CASES = [
    node("Add", floats(4, 1, 1)),
    node("Sub", floats(4, 1, 1)),
    node("Mul", floats(6)),
    node("Div", floats(6)),
    node("Pow", np.array(2.0, np.float32)),
    node("Sqrt"),
    node("Erf"),
    node("Relu"),
    node("Sigmoid"),
    node("MatMul", floats(6, 5)),
    node("Transpose", perm=[0, 2, 3, 1]),
    node("Concat", floats(3, 2, 6, 6), axis=1),
    node("Softmax", axis=3),
    node("Softmax"),
    node("GlobalAveragePool"),
    node("Flatten", axis=1),
    node("Conv", floats(8, 4, 3, 3), floats(8), pads=[1, 0, 0, 2], strides=[2, 1]),
    node("Conv", floats(4, 1, 3, 3), group=4, dilations=[2, 2]),
    node("MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
    node("MaxPool", kernel_shape=[3, 2], pads=[1, 0, 1, 1]),
    node("Identity"),
    node("BatchNormalization", *(floats(4) for _ in range(4)), epsilon=1e-3),
    node("BatchNormalization", *(floats(4) for _ in range(4))),
    node("PRelu", floats(4, 1, 1)),
    node("ReduceMean", whole(-1)),
    node("ReduceMean", whole(2, 3), keepdims=0),
    node("ReduceL2", whole(1), keepdims=1),
    node("Reshape", whole(0, 24, -1)),
    node("Reshape", whole(-1, 4, 36)),
    node("Slice", whole(1), whole(3), whole(1)),
    node("Slice", whole(0, 1), whole(3, 1000), whole(0, 2), whole(1, 2)),
    node("Split", whole(1, 3), outputs=2, axis=1),
    node("Split", outputs=2, axis=1, num_outputs=2),
    node("Clip", np.array(0.1, np.float32)),
    node("Clip", np.array(-0.5, np.float32), np.array(0.5, np.float32)),
    node("Expand", whole(1, 4, 6, 6)),
]


def graph_of(case: dict[str, Any], shape: Sequence[int] = SHAPE) -> onnx.GraphProto:
    constants = [numpy_helper.from_array(array, f"c{k}") for k, array in enumerate(case["constants"])]
    outputs = [f"y{k}" for k in range(case["outputs"])]
    step = helper.make_node(case["kind"], ["x", *(c.name for c in constants)], outputs, **case["attributes"])
    ports = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    made = [helper.make_tensor_value_info(outputs[-1], TensorProto.FLOAT, None)]
    return helper.make_graph([step], "one", ports, made, constants)


def by_onnxruntime(graph: onnx.GraphProto, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    found: np.ndarray[Any, Any] = open_session("graph", model.SerializeToString()).run(None, {"x": x})[0]
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["kind"])
def test_an_operator_computes_what_onnxruntime_computes(case: dict[str, Any]) -> None:
    x = DRAW.normal(size=SHAPE).astype(np.float32)
    x = abs(x) if case["kind"] == "Sqrt" else x
    graph = graph_of(case)
    found = OnnxModule(graph, "graph.onnx")(torch.from_numpy(x))
    np.testing.assert_allclose(found.numpy(), by_onnxruntime(graph, x), atol=2e-5)


@pytest.mark.parametrize("attributes", [{"transB": 1}, {"alpha": 2.0, "beta": 0.5, "transB": 1}])
def test_a_dense_layer_computes_what_onnxruntime_computes(attributes: dict[str, Any]) -> None:
    x = DRAW.normal(size=(3, 7)).astype(np.float32)
    graph = graph_of(node("Gemm", floats(5, 7), floats(5), **attributes), (3, 7))
    np.testing.assert_allclose(OnnxModule(graph, "")(torch.from_numpy(x)), by_onnxruntime(graph, x), atol=1e-5)


def test_a_squeezed_axis_is_gone() -> None:
    x = DRAW.normal(size=(3, 1, 5)).astype(np.float32)
    graph = graph_of(node("Squeeze", whole(1)), (3, 1, 5))
    np.testing.assert_array_equal(OnnxModule(graph, "")(torch.from_numpy(x)), by_onnxruntime(graph, x))


def test_every_operator_has_a_case() -> None:
    assert {case["kind"] for case in CASES} | {"Gemm", "Squeeze"} == set(OPERATORS)


def test_constants_within_the_graph_are_read() -> None:
    two = numpy_helper.from_array(np.array([2.0], np.float32))
    nodes = [helper.make_node("Constant", [], ["two"], value=two), helper.make_node("Mul", ["x", "two"], ["y"])]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 3]) for name in "xy"]
    module = OnnxModule(helper.make_graph(nodes, "one", ports[:1], ports[1:]), "")
    assert module(torch.ones(2, 3)).tolist() == [[2.0] * 3] * 2


@pytest.mark.parametrize("shape", [(), (1,)])
def test_small_numbers_survive_float16(shape: tuple[int, ...]) -> None:
    graph = graph_of(node("Add", np.full(shape, 1e-12, np.float32)), (2, 3))
    assert (OnnxModule(graph, "", torch.float16)(torch.zeros(2, 3)) > 0).all()


@pytest.mark.parametrize(
    "case",
    [node("Flatten", axis=2), node("MaxPool", kernel_shape=[2, 2], ceil_mode=1), node("ReduceMean")],
    ids=lambda case: case["kind"],
)
def test_a_form_of_an_operator_that_is_not_known_is_an_error(case: dict[str, Any]) -> None:
    with pytest.raises((IndexError, TypeError, ValueError)):
        OnnxModule(graph_of(case), "")(torch.zeros(SHAPE))


def test_what_is_no_longer_needed_is_freed() -> None:
    """All outputs of a recogniser of 1,024 images would be some 40 GB."""
    nodes = [helper.make_node("Relu", [f"v{k}"], [f"v{k + 1}"]) for k in range(20)]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 3]) for name in ("v0", "v20")]
    module = OnnxModule(helper.make_graph(nodes, "chain", ports[:1], ports[1:]), "")
    alive = weakref.WeakSet[torch.Tensor]()
    most = 0

    def counted(inputs: Sequence[Any], _: dict[str, Any]) -> torch.Tensor:
        nonlocal most
        found = torch.relu(inputs[0])
        alive.add(found)
        most = max(most, len(alive))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(OPERATORS, "Relu", counted)
        module(torch.zeros(2, 3))
    assert most <= 2


def test_an_operator_that_is_not_known_is_named() -> None:
    graph = graph_of(node("Sin"))
    with pytest.raises(RunError, match=r"^teacher\.onnx has operators that do not run on the training device: Sin"):
        OnnxModule(graph, "teacher.onnx")
