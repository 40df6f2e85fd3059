"""A face recogniser as backbone.onnx of a bundle.

In front of the recogniser's graph, nodes bring the bundle's input (grey, -1..1) to what the recogniser takes: its range
of values, its channels, its layout. Behind it the embedding is scaled to length 1, and a linear layer gives the
attributes.
"""

import numpy as np
from onnx import TensorProto, helper

from facedge.bundle.onnx_file import inspect_graph
from facedge.errors import BundleError, ExportError
from facedge.export.verifier_graph import GraphBuilder
from facedge.faces.quality import HALF_RANGE
from facedge.onnx_session import open_session, why_no_batch
from facedge.train.recogniser import LEAST_LENGTH, MIDDLE, Recogniser
from facedge.types import Float32Array


def backbone_of(recogniser: Recogniser, weights: Float32Array, bias: Float32Array) -> bytes:
    """backbone.onnx: `image` float32 (N, 1, S, S) -> `embedding` (N, D), `attributes` (N, A).

    weights (A, D), bias (A,): of the attributes' logits on the embedding. Raises ExportError for a graph that a bundle
    may not hold.
    """
    g = GraphBuilder("adopted")
    graph, size = recogniser.graph, recogniser.convention.values.size
    first, raw = graph.input[0].name, graph.output[0].name
    g.include(graph, prefix="recogniser", rename={first: _add_input(g, recogniser), raw: "recogniser/embedding"})
    flat = g.op("Flatten", "recogniser/embedding", axis=1)
    length = g.op("Max", g.op("ReduceL2", flat, g.i64([1]), keepdims=1), g.f32(LEAST_LENGTH))
    embedding = g.op("Div", flat, length, to="embedding")
    logits = g.op("Gemm", embedding, g.f32(weights), g.f32(bias), transB=1)
    g.op("Sigmoid", logits, to="attributes")
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, size, size])
    outputs = [("embedding", recogniser.embedding_size), ("attributes", len(bias))]
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", columns]) for name, columns in outputs]
    data = bytes(g.model("facedge_backbone", [image], infos).SerializeToString(deterministic=True))
    try:
        inspect_graph("backbone.onnx", data)
    except BundleError as problem:
        raise ExportError(f"this recogniser cannot be a bundle's backbone: {problem}") from problem
    return data


def check_batch(backbone: bytes, recogniser: Recogniser) -> None:
    """ExportError where the backbone does not take two images at once."""
    session = open_session("backbone.onnx", backbone, error=ExportError)
    size = recogniser.convention.values.size
    if problem := why_no_batch(session, "image", np.zeros((1, 1, size, size), np.float32)):
        raise ExportError(
            f"{recogniser.name} is fixed to one image at a time in a way that cannot be undone ({problem}): "
            "export it again with a free batch axis"
        )


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
