"""backbone.int8.onnx: static QDQ quantization, per channel, with the layers that suffer most left in float.

Convolutions and dense layers get signed weights (per output channel) and unsigned 8-bit activations (per tensor): the
arrangement that onnxruntime's CPU kernels run fastest. Weights keep to -64..64: an x86 processor without VNNI adds two
products of a byte and a weight in 16 bits and saturates; 2 * 255 * 64 fits where 2 * 255 * 127 does not. With the whole
range, the embeddings of such a machine had a cosine of 0.87 to everybody else's, and of 0.37 at worst. The tail (the
embedding's normalisation, the mean with the mirror image, the sigmoid) stays in float. Method: B. Jacob et al.,
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018; ranges from
onnxruntime.quantization.
"""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from facedge.export.backbone import tidy
from facedge.export.engine import Floats, session

OPERATORS = ("Conv", "Gemm", "MatMul", "Relu", "Add", "MaxPool", "AveragePool", "Reshape", "Flatten")
LAYERS = ("Conv", "Gemm", "MatMul")
CALIBRATION_IMAGES = 256
BATCH = 32


def quantize(backbone: bytes, images: Floats, *, in_float: Sequence[str] = ()) -> bytes:
    """backbone.onnx -> the same contract in int8; `images` float32 (N, 1, S, S) set the ranges of the activations.

    in_float: names of nodes that stay in float32.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with tempfile.TemporaryDirectory(prefix="facedge.") as folder, _quiet():
        source, target = Path(folder, "fp32.onnx"), Path(folder, "int8.onnx")
        model = onnx.load_from_string(backbone)
        onnx.save(model, str(source))
        quantize_static(
            str(source),
            str(target),
            _Reader(images),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(OPERATORS),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[*in_float, *_tail(model)],
        )
        made = onnx.load(str(target))
    tidy(made)
    made.ClearField("metadata_props")
    made.graph.name = "facedge_backbone_int8"
    return bytes(made.SerializeToString(deterministic=True))


def layers(backbone: bytes) -> list[str]:
    """Names of the nodes that hold the weights, in the order of the graph."""
    return [node.name for node in onnx.load_from_string(backbone).graph.node if node.op_type in LAYERS]


def _tail(model: onnx.ModelProto) -> list[str]:
    """Additions behind the first dense layer: of a face's and its mirror image's outputs, which 8 bits would blur."""
    nodes = list(model.graph.node)
    dense = next((k for k, node in enumerate(nodes) if node.op_type in ("Gemm", "MatMul")), len(nodes))
    return [node.name for node in nodes[dense:] if node.op_type == "Add"]


def sensitivity(backbone: bytes, images: Floats) -> list[tuple[str, float]]:
    """(layer, harm) for each layer, the most harmful first: the error of the outputs when it alone is quantized.

    Harm is the mean of 1 - cosine of the embeddings, plus the mean squared difference of the attributes.
    """
    names = layers(backbone)
    expected = _outputs(backbone, images)
    found = []
    for name in names:
        others = [other for other in names if other != name]
        found.append((name, harm(_outputs(quantize(backbone, images, in_float=others), images), expected)))
    return sorted(found, key=lambda pair: -pair[1])


def harm(got: tuple[Floats, Floats], expected: tuple[Floats, Floats]) -> float:
    """How far (embeddings (N, D), attributes (N, A)) are from the expected ones; 0 when equal."""
    cosine = np.einsum("nd,nd->n", got[0], expected[0])
    return float(np.mean(1 - cosine) + np.mean((got[1] - expected[1]) ** 2))


def _outputs(model: bytes, images: Floats) -> tuple[Floats, Floats]:
    engine = session(model)
    parts = [engine.run(["embedding", "attributes"], {"image": images[k : k + BATCH]}) for k in _starts(images)]
    embeddings, attributes = (np.concatenate(part) for part in zip(*parts, strict=True))
    return embeddings, attributes


def _starts(images: Floats) -> range:
    return range(0, len(images), BATCH)


class _Reader:
    """onnxruntime's CalibrationDataReader: batches of images until None."""

    def __init__(self, images: Floats) -> None:
        self._batches = iter([{"image": images[k : k + BATCH]} for k in _starts(images)])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._batches, None)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._batches


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantizer advises to fold batch norms first, on the root logger; they are folded."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
