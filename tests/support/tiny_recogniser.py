"""Face recognisers of a few nodes, as other makers export them: any opset, a batch fixed to 1, weights among inputs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE, EMBEDDING = 32, 16
FOLDED = 8 * (SIZE // 8) ** 2  # numbers after the pooling


def write_recogniser(
    path: Path,
    *,
    reshape: Sequence[int] = (1, FOLDED),
    batch: int | str = 1,
    opset: int = 11,
    tail: Sequence[onnx.NodeProto] = (),
    seed: int = 0,
) -> Path:
    """Convolution, batch norm, ReLU, pooling, a Reshape for a batch of 1, a dense layer: (batch, 3, 32, 32) -> (1, 16).

    reshape: the constant of the Reshape. tail: nodes from `dense` to `feature` in place of the last, an Identity.
    """
    rng = np.random.default_rng(seed)
    weights = {
        "kernel": rng.normal(0, 0.3, (8, 3, 5, 5)),
        "gain": rng.uniform(0.5, 1.5, 8),
        "shift": rng.normal(0, 0.3, 8),
        "mean": rng.normal(0, 0.3, 8),
        "variance": rng.uniform(0.5, 2, 8),
        "matrix": rng.normal(0, 0.1, (EMBEDDING, FOLDED)),
        "offset": rng.normal(0, 0.1, EMBEDDING),
    }
    nodes = [
        helper.make_node("Conv", ["data", "kernel"], ["conv"], strides=[4, 4], pads=[2, 2, 2, 2]),
        helper.make_node("BatchNormalization", ["conv", "gain", "shift", "mean", "variance"], ["normed"]),
        helper.make_node("Relu", ["normed"], ["active"]),
        helper.make_node("MaxPool", ["active"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Reshape", ["pooled", "folded"], ["flat"]),
        helper.make_node("Reshape", ["flat", "square"], ["row"]),
        helper.make_node("Gemm", ["row", "matrix", "offset"], ["dense"], transB=1),
        *(tail or [helper.make_node("Identity", ["dense"], ["feature"])]),
    ]
    initializers = [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()]
    initializers += [numpy_helper.from_array(np.array(reshape, np.int64), "folded")]
    initializers += [numpy_helper.from_array(np.array([1, FOLDED], np.int64), "square")]
    inputs = [helper.make_tensor_value_info("data", TensorProto.FLOAT, [batch, 3, SIZE, SIZE])]
    inputs += [helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in initializers]
    return write_model(path, nodes, inputs, [1, EMBEDDING], initializers, opset)


def write_model(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    output: Sequence[int | str],
    initializers: Sequence[onnx.TensorProto] = (),
    opset: int = 11,
    dtype: int = TensorProto.FLOAT,
) -> Path:
    """Any graph with the output `feature`, in the file format of its time (IR version 6)."""
    outputs = [helper.make_tensor_value_info("feature", dtype, list(output))]
    graph = helper.make_graph(list(nodes), "recogniser", list(inputs), outputs, list(initializers))
    domains = {node.domain for node in nodes}
    opsets = [helper.make_opsetid(domain, 1 if domain else opset) for domain in sorted({"", *domains})]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=6), str(path))
    return path


def write_pixels(path: Path, shape: Sequence[int | str]) -> Path:
    """A "recogniser" whose embedding is its input, flattened: what reaches it can be read from the embedding."""
    image = helper.make_tensor_value_info("data", TensorProto.FLOAT, list(shape))
    nodes = [helper.make_node("Flatten", ["data"], ["feature"], axis=1)]
    return write_model(path, nodes, [image], [1, int(np.prod([int(d) for d in shape[1:]]))])


def image(shape: list[int | str], dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    """The input `data` of a recogniser."""
    return helper.make_tensor_value_info("data", dtype, shape)
