"""A face recogniser as backbone.onnx of a bundle.

In front of the recogniser's graph, nodes bring the bundle's input (grey, -1..1) to what the recogniser takes: its range
of values, its channels, its layout. Behind it the embedding is scaled to length 1, and a linear layer gives the
attributes. It reads the embedding and the feature map that each stage ends with (hypercolumns: B. Hariharan et al.,
CVPR 2015): an embedding tells people apart and keeps little of the rest.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper

from facedge.bundle.onnx_file import IR_VERSION, MOST_OPSET, inspect_graph
from facedge.errors import BundleError, ExportError
from facedge.export.verifier_graph import GraphBuilder
from facedge.faces.quality import HALF_RANGE
from facedge.onnx_session import open_session, why_no_batch
from facedge.train.recogniser import LEAST_LENGTH, MIDDLE, Recogniser
from facedge.types import Float32Array

GRID = 4  # regions on each side that a map is averaged over
MAP_OPERATORS = frozenset(
    {"Conv", "Add", "Concat", "Mul", "Relu", "PRelu", "LeakyRelu", "Clip", "HardSwish", "BatchNormalization"}
)


class AttributeLayer(NamedTuple):
    """Logits of A attributes = features @ weights.T + bias: float32 (A, F) and (A,)."""

    weights: Float32Array
    bias: Float32Array


class FeatureMap(NamedTuple):
    """A tensor (N, channels, side, side) of a recogniser's graph; dtype: its element type in ONNX."""

    name: str
    channels: int
    side: int
    dtype: int


def backbone_of(recogniser: Recogniser, maps: Sequence[FeatureMap], layer: AttributeLayer | None = None) -> bytes:
    """backbone.onnx: `image` float32 (N, 1, S, S) -> `embedding` (N, D), `attributes` (N, A).

    layer: of the attributes' logits on the features, which are the embedding and the averages of `maps`; without it
    `attributes` are the features themselves, (N, F). Raises ExportError for a graph that a bundle may not hold.
    """
    g = GraphBuilder("adopted")
    graph, size = recogniser.graph, recogniser.convention.values.size
    first, raw = graph.input[0].name, graph.output[0].name
    g.include(graph, prefix="recogniser", rename={first: _add_input(g, recogniser), raw: "recogniser/embedding"})
    flat = g.op("Flatten", "recogniser/embedding", axis=1)
    length = g.op("Max", g.op("ReduceL2", flat, g.i64([1]), keepdims=1), g.f32(LEAST_LENGTH))
    embedding = g.op("Div", flat, length, to="embedding")
    averaged = [_add_averages(g, f"recogniser/{each.name}", each) for each in maps]
    if layer is None:
        columns = feature_count(recogniser, maps)
        g.op("Concat", embedding, *averaged, axis=1, to="attributes")
    else:
        columns = len(layer.bias)
        features = g.op("Concat", embedding, *averaged, axis=1) if averaged else embedding
        logits = g.op("Gemm", features, g.f32(layer.weights), g.f32(layer.bias), transB=1)
        g.op("Sigmoid", logits, to="attributes")
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, size, size])
    outputs = [("embedding", recogniser.embedding_size), ("attributes", columns)]
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width]) for name, width in outputs]
    data = bytes(g.model("facedge_backbone", [image], infos).SerializeToString(deterministic=True))
    try:
        inspect_graph("backbone.onnx", data)
    except BundleError as problem:
        raise ExportError(f"this recogniser cannot be a bundle's backbone: {problem}") from problem
    return data


def feature_count(recogniser: Recogniser, maps: Sequence[FeatureMap]) -> int:
    """F: how many numbers the attributes are made of."""
    return recogniser.embedding_size + sum(each.channels * min(each.side, GRID) ** 2 for each in maps)


def usable_maps(recogniser: Recogniser) -> list[FeatureMap]:
    """The feature maps that attributes can be read from, for any number of images: not those of parts of images.

    Raises ExportError where the recogniser by itself does not take two images at once.
    """
    if problem := _why_no_batch(recogniser, []):
        raise ExportError(
            f"{recogniser.name} is fixed to one image at a time in a way that cannot be undone ({problem}): "
            "export it again with a free batch axis"
        )
    maps = feature_maps(recogniser.graph, recogniser.convention.values.size)
    if not maps or _why_no_batch(recogniser, maps) is None:
        return maps
    return [each for each in maps if _why_no_batch(recogniser, [each]) is None]


def _why_no_batch(recogniser: Recogniser, maps: Sequence[FeatureMap]) -> str | None:
    """Why the features cannot be computed of two images at once, or None."""
    size = recogniser.convention.values.size
    try:
        session = open_session("backbone.onnx", backbone_of(recogniser, maps), error=ExportError)
    except ExportError as problem:
        if not maps:
            raise
        return str(problem)
    return why_no_batch(session, "image", np.zeros((1, 1, size, size), np.float32))


def feature_maps(graph: onnx.GraphProto, size: int) -> list[FeatureMap]:
    """What each stage of a recogniser of (N, C, size, size) ends with, the largest first.

    Of every side that convolutions give, from GRID - 1 to a quarter of the input: the last sum of two maps (a residual
    block's end), or else the last map. Empty for a recogniser that is no convolutional network.
    """
    others = {node.domain for node in graph.node} - {""}  # refused later, in a sentence
    opsets = [helper.make_opsetid("", MOST_OPSET), *(helper.make_opsetid(domain, 1) for domain in sorted(others))]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    inferred = onnx.shape_inference.infer_shapes(model).graph.value_info
    types = {value.name: value.type.tensor_type for value in inferred}
    shapes = {name: tuple(d.dim_value for d in found.shape.dim) for name, found in types.items()}
    computed = {node.output[0] for node in graph.node if node.op_type != "Constant"}
    convolved = {shapes[node.output[0]][2] for node in graph.node if node.op_type == "Conv" and _is_map(node, shapes)}
    ends: dict[int, tuple[bool, FeatureMap]] = {}
    for node in graph.node:
        if node.op_type not in MAP_OPERATORS or not _is_map(node, shapes):
            continue
        name, (_, channels, side, _) = node.output[0], shapes[node.output[0]]
        is_sum = node.op_type == "Add" and all(
            other in computed and shapes.get(other, ())[1:] == shapes[name][1:] for other in node.input
        )
        if side in convolved and GRID - 1 <= side <= size // 4 and is_sum >= ends.get(side, (False,))[0]:
            ends[side] = is_sum, FeatureMap(name, channels, side, types[name].elem_type)
    return [ends[side][1] for side in sorted(ends, reverse=True)]


def _is_map(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> bool:
    """Whether its output is a square map (N, C, S, S) of known size."""
    shape = shapes.get(node.output[0], ())
    return len(shape) == 4 and shape[1] > 0 and shape[2] == shape[3] > 0


def _add_averages(g: GraphBuilder, name: str, of: FeatureMap) -> str:
    """The map averaged over GRID x GRID regions, which overlap where GRID does not divide the side, flattened."""
    if of.dtype != TensorProto.FLOAT:
        name = g.cast(name, np.float32)
    if of.side > GRID:
        stride = of.side // GRID
        kernel = of.side - (GRID - 1) * stride
        name = g.op("AveragePool", name, kernel_shape=[kernel] * 2, strides=[stride] * 2)
    return g.op("Flatten", name, axis=1)


def _add_input(g: GraphBuilder, recogniser: Recogniser) -> str:
    """`image` -> what the recogniser takes."""
    values = recogniser.convention.values
    factor, offset = HALF_RANGE / values.scale, (MIDDLE - values.mean) / values.scale
    x = "image"
    if factor != 1:
        x = g.op("Mul", x, g.f32(factor))
    if offset != 0:
        x = g.op("Add", x, g.f32(offset))
    channels = recogniser.shape[1 if recogniser.channels_first else 3]
    x = g.op("Expand", x, g.i64([1, channels, 1, 1]))
    return x if recogniser.channels_first else g.op("Transpose", x, perm=[0, 2, 3, 1])
