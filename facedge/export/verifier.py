"""verifier.onnx: preprocessing, backbone and head in one file, for apps that embed one file.

Input `image` uint8 (N, H, W, 3), RGB, an aligned crop of any size; outputs `embedding` float32 (N, D), `attributes`
float32 (N, A), `probability` float32 (N, 1). Which face is whose, and where it is in a photo, stays outside.
"""

from collections.abc import Mapping

import onnx
from onnx import TensorProto, helper

from facedge.export.graph_builder import GraphBuilder
from facedge.export.preprocessing_graph import add_preprocessing
from facedge.preprocessing.spec import PreprocessSpec

OUTPUTS = ("embedding", "attributes", "probability")


def verifier_onnx(
    backbone: bytes, head: bytes, spec: PreprocessSpec, properties: Mapping[str, str], *, debug: bool = False
) -> bytes:
    """Join backbone.onnx and head.onnx behind the preprocessing of `spec`.

    properties: metadata_props of the file, see `facedge.runtime.verifier_graph`.
    debug: also give the backbone's input as output `tensor` float32 (N, 1, S, S), to compare bits.
    """
    first, second = onnx.load_from_string(backbone).graph, onnx.load_from_string(head).graph
    g = GraphBuilder("preprocess")
    tensor = add_preprocessing(g, spec, "image", to="tensor")
    g.include(first, prefix="backbone", rename={"image": tensor, "embedding": "embedding", "attributes": "attributes"})
    g.include(second, prefix="head", rename={"embedding": "embedding", "probability": "probability"})
    columns = {value.name: _columns(value) for value in [*first.output, *second.output]}
    outputs = [_value(name, ["N", columns[name]]) for name in OUTPUTS]
    if debug:
        outputs.append(_value("tensor", ["N", 1, spec.size, spec.size]))
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])
    model = g.model("facedge_verifier", [image], outputs)
    helper.set_model_props(model, dict(sorted(properties.items())))
    return bytes(model.SerializeToString(deterministic=True))


def _columns(value: onnx.ValueInfoProto) -> int:
    return int(value.type.tensor_type.shape.dim[1].dim_value)


def _value(name: str, shape: list[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
