"""A small deterministic bundle with real graphs: the whole runtime works on it, in milliseconds.

Its backbone averages 8x8 blocks of the input, projects them at random and normalises; its head compares an
embedding with the one of `crop(0)`, so `crop(0)` is accepted and every other crop is rejected.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from facedge.bundle import Bundle, Calibration, DataNote, Manifest, OperatingPoint, write_bundle
from facedge.bundle.head_onnx import head_onnx_bytes
from facedge.preprocessing import PreprocessSpec, preprocess

SIZE, DIMS = 64, 16
SPEC = PreprocessSpec(size=SIZE)
NAMES = ("Smiling", "Male", "Eyeglasses", "Young")
CALIBRATION = Calibration(
    far_target=0.01,
    far_low95=0.001,
    far_upper95=0.02,
    identities=1000,
    comparisons=5000,
    method="bootstrap over identities",
    points=(OperatingPoint(0.1, 0.3, 0.08, 0.12, 0.01), OperatingPoint(0.003, 0.9, 0.0, 0.006, 0.2)),
)


def crop(seed: int, height: int = 218, width: int = 178) -> NDArray[np.uint8]:
    """An aligned RGB crop (H, W, 3) of coloured tiles; crop(0) is "me"."""
    tiles = np.random.default_rng(seed).integers(0, 256, (14, 12, 3), np.uint8)
    rows, columns = np.arange(height) * 14 // height, np.arange(width) * 12 // width
    return tiles[rows][:, columns]


def embedding_of(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The backbone's output for one crop, computed in numpy: float32 (D,), L2-normalised."""
    pooled = preprocess(image, SPEC).reshape(8, SIZE // 8, 8, SIZE // 8).mean((1, 3)).reshape(64)
    raw = pooled @ _weights()["project"]
    return np.asarray(raw / np.linalg.norm(raw), np.float32)


def backbone_onnx(*, attributes: int = len(NAMES), opset: int = 17, noise: float = 0.0) -> bytes:
    """image float32 (N, 1, S, S) -> embedding (N, D), attributes (N, A); `noise` moves the weights a little."""
    weights = _weights(attributes)
    weights["project"] = weights["project"] + np.float32(noise) * weights["project"][::-1]
    nodes = [
        helper.make_node("AveragePool", ["image"], ["pooled"], kernel_shape=[SIZE // 8] * 2, strides=[SIZE // 8] * 2),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "project"], ["raw"]),
        helper.make_node("LpNormalization", ["raw"], ["embedding"], axis=1, p=2),
        helper.make_node("MatMul", ["flat", "read"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["attributes"]),
    ]
    outputs = [port("embedding", "N", DIMS), port("attributes", "N", attributes)]
    return model_onnx(nodes, [port("image", "N", 1, SIZE, SIZE)], outputs, weights, opset=opset)


def head_onnx(*, me: int = 0, sharpness: float = 20.0) -> bytes:
    """embedding float32 (N, D) -> probability (N, 1): one half where the cosine to crop(me) is 0.9."""
    towards = embedding_of(crop(me))[None]
    return head_onnx_bytes(
        towards, np.zeros(1, np.float32), np.full((1, 1), sharpness, np.float32), np.float32([-0.9 * sharpness])
    )


def model_onnx(
    nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: dict[str, NDArray[Any]], *, opset: int = 17
) -> bytes:
    """Any graph as the bytes of an ONNX file."""
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    for node in nodes:
        node.name = node.name or node.output[0]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(made)
    return made.SerializeToString()


def manifest(**changes: Any) -> Manifest:
    """The manifest of the tiny bundle, with changes."""
    values: dict[str, Any] = {
        "name": "tiny",
        "enrolled": True,
        "spec": SPEC.to_dict(),
        "spec_digest": SPEC.digest,
        "embedding_size": DIMS,
        "attribute_names": NAMES,
        "threshold": 0.5,
        "calibration": CALIBRATION,
        "parity": {"embedding": 1e-7, "attributes": 2e-7},
        "data": DataNote("coloured tiles", "none needed", "by seed"),
        "metrics": {"mean_accuracy": 0.9},
        "usage": "anyone, for tests",
        "created_by": "facedge tests",
    }
    return Manifest(**{**values, **changes})


def files(**changes: bytes) -> dict[str, bytes]:
    """The files of the tiny bundle by name; dots in names are written as double underscores in `changes`."""
    made = {"backbone.onnx": backbone_onnx(), "head.onnx": head_onnx()}
    return made | {name.replace("__", "."): data for name, data in changes.items()}


def write_tiny(path: Path, **changes: Any) -> Bundle:
    """Write the tiny bundle to `path` (NAME.facedge), with changes to its manifest."""
    return write_bundle(path, files(), manifest(**changes))


def _weights(attributes: int = len(NAMES)) -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(7)
    project = rng.standard_normal((64, DIMS)).astype(np.float32)
    return {"project": project, "read": rng.standard_normal((64, attributes)).astype(np.float32)}


def port(name: str, *shape: int | str) -> Any:
    """A float32 input or output of a graph; texts are free axes."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
