"""`facedge export --int8`: quantize the backbone, measure it against float32, and ship it only if it passes the gate.

Static QDQ quantization, per channel: convolutions and dense layers get signed weights (per output channel) and
unsigned 8-bit activations (per tensor), the arrangement that onnxruntime's CPU kernels run fastest. Weights keep to
-64..64: an x86 processor without VNNI adds two products of a byte and a weight in 16 bits and saturates; 2 * 255 * 64
fits where 2 * 255 * 127 does not. With the whole range, the embeddings of such a machine had a cosine of 0.87 to those
of other machines, and of 0.37 at worst. What follows the embedding's dense layer stays in float, and what only the
attributes are made of: some thousandths of the multiplications, and where 8 bits cost attributes most. The attribute
layer's bias takes up the mean error of what comes before it. Methods: B. Jacob et al., "Quantization and Training of
Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018; bias correction: M. Nagel et al.,
"Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, here from images; ranges from
onnxruntime.quantization.
"""

import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from facedge.dataset.prepared import Faces
from facedge.errors import ExportError
from facedge.export.held_out import BATCH, Figures, evenly_spread, figures, run_backbone
from facedge.export.onnx import tidy
from facedge.onnx_session import open_session
from facedge.preprocessing import PreprocessSpec, preprocess
from facedge.types import Float32Array, Float64Array, Say, Track

OPERATORS = ("Conv", "Gemm", "MatMul", "Relu", "Add", "MaxPool", "AveragePool", "Reshape", "Flatten")
LAYERS = ("Conv", "Gemm", "MatMul")
CALIBRATION_IMAGES = 256
SENSITIVITY_IMAGES = 96
ACCURACY_LOSS = 0.003  # allowed; of the mean attribute accuracy, as a fraction
TAR_LOSS = 0.01  # allowed; of the TAR at FAR 1e-3
MOST_IN_FLOAT = 4  # layers; with more, int8 would not be worth its file
ROUNDS = 200
LEAST_PROBABILITY = 1e-7  # and 1 less it at most, before its logit is taken


@dataclass(frozen=True)
class Gate:
    """One condition: what was measured, what was allowed, and whether it holds."""

    name: str
    measured: str
    allowed: str
    passed: bool


@dataclass(frozen=True)
class Quantized:
    """The outcome: the int8 file, None where a gate failed, and the measurements."""

    data: bytes | None
    gates: tuple[Gate, ...]
    in_float: tuple[str, ...]
    partition: str
    speedup: float

    def to_dict(self) -> dict[str, Any]:
        """The measurements as JSON types, for the manifest."""
        return {
            "shipped": self.data is not None,
            "partition": self.partition,
            "speedup": round(self.speedup, 2),
            "layers_in_float": list(self.in_float),
            "gates": [vars(gate) for gate in self.gates],
        }

    def sentence(self) -> str:
        """The outcome in one sentence."""
        table = ", ".join(f"{gate.name} {gate.measured} (allowed: {gate.allowed})" for gate in self.gates)
        kept = f", {len(self.in_float)} layers in float" if self.in_float else ""
        if self.data is not None:
            return f"int8 passes its gate on the {self.partition} faces: {table}{kept}"
        failed = " and ".join(gate.name for gate in self.gates if not gate.passed)
        return f"int8 fails its gate ({failed}), so the bundle holds float32 only: {table}{kept}"


def quantize_gated(backbone: bytes, faces: Faces, spec: PreprocessSpec, say: Say, track: Track) -> Quantized:
    """Quantize backbone.onnx on the train partition and apply the gate on the test (else validation) partition.

    Where everything in int8 loses too much, the layers with the largest error alone stay in float, up to four.
    """
    images = _calibration_images(faces, spec)
    partition = "test" if len(faces.indices("test")) else "validation"
    fp32 = figures(run_backbone(backbone, faces, partition, spec, track), faces, partition)
    in_float: tuple[str, ...] = ()
    by_error: list[str] | None = None
    while True:
        data = quantize(backbone, images, in_float=in_float)
        int8 = figures(run_backbone(data, faces, partition, spec, track), faces, partition)
        speedup = interleaved_speedup(backbone, data, images[:1])
        gates = judge(fp32, int8, speedup)
        passed = all(gate.passed for gate in gates)
        slow = speedup <= 1.0  # and slower yet with layers in float, whose errors may take hours to measure
        if passed or slow or len(in_float) >= min(MOST_IN_FLOAT, len(layers(backbone)) - 1):
            return Quantized(data if passed else None, gates, in_float, partition, speedup)
        if by_error is None:
            say("int8 loses too much with every layer quantized: measuring the error of each layer")
            by_error = [name for name, _ in sensitivity(backbone, images[:SENSITIVITY_IMAGES])]
        in_float = tuple(by_error[: len(in_float) + 1])


def judge(fp32: Figures, int8: Figures, speedup: float) -> tuple[Gate, ...]:
    """The gate: attribute accuracy, TAR where identities are known, and speed on this device."""
    lost = fp32.attribute_accuracy - int8.attribute_accuracy
    gates = [Gate("attribute accuracy", f"{-lost:+.2%}", f"-{ACCURACY_LOSS:.1%}", lost <= ACCURACY_LOSS)]
    if fp32.tar_at_far_1e_3 is not None and int8.tar_at_far_1e_3 is not None:
        lost = fp32.tar_at_far_1e_3 - int8.tar_at_far_1e_3
        gates.append(Gate("TAR at FAR 1e-3", f"{-lost:+.2%}", f"-{TAR_LOSS:.0%}", lost <= TAR_LOSS))
    gates.append(Gate("speed", f"{speedup:.2f}x of float32", "over 1x", speedup > 1.0))
    return tuple(gates)


def interleaved_speedup(one: bytes, other: bytes, image: Float32Array, rounds: int = ROUNDS) -> float:
    """Median time of `one` over the median of `other` on one image, one thread, measured alternately."""
    sessions = [_session(one), _session(other)]
    seconds: list[list[float]] = [[], []]
    for _ in range(rounds):
        for session, times in zip(sessions, seconds, strict=True):
            start = time.perf_counter()
            session.run(None, {"image": image})
            times.append(time.perf_counter() - start)
    return float(np.median(seconds[0]) / np.median(seconds[1]))


def quantize(backbone: bytes, images: Float32Array, *, in_float: Sequence[str] = ()) -> bytes:
    """backbone.onnx -> the same contract in int8; `images` float32 (N, 1, S, S) set the ranges of the activations.

    in_float: names of nodes that stay in float32, besides those that only the attributes are made of.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with tempfile.TemporaryDirectory(prefix="facedge.") as folder, _quiet_quantizer():
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
            nodes_to_exclude=[*in_float, *_of_attributes(model), *_last_additions(model)],
        )
        made = onnx.load(str(target))
    _correct_bias(made, model, images)
    tidy(made)
    made.ClearField("metadata_props")
    made.graph.name = "facedge_backbone_int8"
    return bytes(made.SerializeToString(deterministic=True))


def layers(backbone: bytes) -> list[str]:
    """Names of the nodes that hold the weights and may be quantized, in the order of the graph."""
    model = onnx.load_from_string(backbone)
    float_only = set(_of_attributes(model))
    return [node.name for node in model.graph.node if node.op_type in LAYERS and node.name not in float_only]


def sensitivity(backbone: bytes, images: Float32Array) -> list[tuple[str, float]]:
    """(layer, error) for each layer, the largest first: the error of the outputs when it alone is quantized."""
    names = layers(backbone)
    expected = _outputs(backbone, images)
    found = []
    for name in names:
        others = [other for other in names if other != name]
        quantized = quantize(backbone, images, in_float=others)
        found.append((name, output_error(_outputs(quantized, images), expected)))
    return sorted(found, key=lambda pair: -pair[1])


def output_error(got: tuple[Float32Array, Float32Array], expected: tuple[Float32Array, Float32Array]) -> float:
    """Difference of (embeddings (N, D), attributes (N, A)) from the expected ones; 0 when equal.

    The mean of 1 - cosine of the embeddings, plus the mean squared difference of the attributes.
    """
    cosine = np.einsum("nd,nd->n", got[0], expected[0])
    return float(np.mean(1 - cosine) + np.mean((got[1] - expected[1]) ** 2))


def _of_attributes(model: onnx.ModelProto) -> list[str]:
    """Nodes that the embedding does not depend on: of the two outputs the attributes alone do."""
    needed = {"embedding"}
    for node in reversed(model.graph.node):  # the graph is in the order of computation
        if not needed.isdisjoint(node.output):
            needed.update(node.input)
    return [node.name for node in model.graph.node if needed.isdisjoint(node.output)]


def _correct_bias(made: onnx.ModelProto, model: onnx.ModelProto, images: Float32Array) -> None:
    """Give `made` the mean attribute logits that `model` has on the images, by the bias of the layer they come from.

    That is the last dense layer of a backbone that facedge writes. Of one fit of edge's, 89.79 % of the test people's
    attributes were right without this, 89.81 with it, and 89.81 in float32.
    """
    float_only = set(_of_attributes(model))
    *_, layer = [node for node in made.graph.node if node.name in float_only and node.op_type == "Gemm"]
    (bias,) = [tensor for tensor in made.graph.initializer if tensor.name == layer.input[2]]
    shift = _mean_logits(model, images) - _mean_logits(made, images)
    bias.CopyFrom(numpy_helper.from_array((numpy_helper.to_array(bias) + shift).astype(np.float32), bias.name))


def _mean_logits(model: onnx.ModelProto, images: Float32Array) -> Float64Array:
    """Of each attribute, over the images: (A,)."""
    _, probabilities = _outputs(model.SerializeToString(), images)
    p = np.clip(probabilities.astype(np.float64), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return np.asarray(np.log(p / (1 - p)).mean(axis=0), np.float64)


def _last_additions(model: onnx.ModelProto) -> list[str]:
    """Additions after the first dense layer: of the outputs for a face and its mirror image, inaccurate in 8 bits."""
    nodes = list(model.graph.node)
    dense = next((k for k, node in enumerate(nodes) if node.op_type in ("Gemm", "MatMul")), len(nodes))
    return [node.name for node in nodes[dense:] if node.op_type == "Add"]


def _outputs(model: bytes, images: Float32Array) -> tuple[Float32Array, Float32Array]:
    session = _session(model)
    parts = [session.run(["embedding", "attributes"], batch) for batch in _batches(images)]
    embeddings, attributes = (np.concatenate(part) for part in zip(*parts, strict=True))
    return embeddings, attributes


def _batches(images: Float32Array) -> Iterator[dict[str, Any]]:
    return ({"image": images[k : k + BATCH]} for k in range(0, len(images), BATCH))


class _Reader:
    """onnxruntime's CalibrationDataReader: batches of images until None."""

    def __init__(self, images: Float32Array) -> None:
        self._batches = _batches(images)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._batches, None)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._batches


def _session(backbone: bytes) -> Any:
    return open_session("backbone", backbone, error=ExportError)


def _calibration_images(faces: Faces, spec: PreprocessSpec) -> Float32Array:
    rows = faces.indices("train")
    if not len(rows):
        raise ExportError("--int8 takes the ranges of activations from train images, but the dataset has none")
    chosen = evenly_spread(rows, CALIBRATION_IMAGES)
    return np.asarray(preprocess(np.ascontiguousarray(faces.images[chosen]), spec), np.float32)


@contextmanager
def _quiet_quantizer() -> Iterator[None]:
    """Hide the quantizer's advice, on the root logger, to fold batch norms first: they are folded."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
