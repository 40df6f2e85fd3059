"""The weights of a head: head.onnx written and read, and exchanged inside verifier.onnx, without the onnx package.

Every head is the same graph with other weights (embedding -> Gemm -> Relu -> Gemm -> Sigmoid -> probability), so
enrollment on a device writes its few protobuf fields itself (field numbers: onnx.proto). The bytes are a pure function
of the weights. verifier.onnx holds the same tensors under the names `head/hidden.weight`, ...; they are replaced, and
every other field keeps its bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from facedge.bundle.onnx_file import (
    LENGTH,
    VARINT,
    fields,
    first_message,
    message_field,
    messages,
    number_field,
    text_field,
)
from facedge.errors import BundleError, InputError
from facedge.types import Float32Array

OPSET = 17  # the oldest that all supported onnxruntimes share; Gemm, Relu and Sigmoid have not changed since 13
IR_VERSION = 8
_FLOAT, _INT_ATTRIBUTE = 1, 2  # TensorProto.FLOAT, AttributeProto.INT
_GRAPH, _OPSETS, _PROPERTIES = 7, 8, 14  # fields of ModelProto
_INITIALIZER = 5  # of GraphProto
_DIMS, _NAME, _RAW_DATA = 1, 8, 9  # of TensorProto

INITIALIZERS = {
    "hidden.weight": "hidden_weight",
    "hidden.bias": "hidden_bias",
    "output.weight": "output_weight",
    "output.bias": "output_bias",
}


@dataclass(frozen=True)
class HeadWeights:
    """Weights of a head: hidden (H, D) and (H,), output (1, H) and (1,), all float32, rows are outputs as in torch."""

    hidden_weight: Float32Array
    hidden_bias: Float32Array
    output_weight: Float32Array
    output_bias: Float32Array

    @property
    def embedding_size(self) -> int:
        """D, the length of the head's input."""
        return int(self.hidden_weight.shape[1])

    @property
    def hidden_size(self) -> int:
        """H, the number of hidden neurons."""
        return int(self.hidden_weight.shape[0])

    def tensors(self) -> dict[str, Float32Array]:
        """The arrays by their names in head.onnx, in the order of the file."""
        return {name: getattr(self, field) for name, field in INITIALIZERS.items()}


def head_onnx_bytes(w1: Float32Array, b1: Float32Array, w2: Float32Array, b2: Float32Array) -> bytes:
    """head.onnx for these weights: `embedding` float32 (N, D) -> `probability` float32 (N, 1).

    w1 (H, D), b1 (H,), w2 (1, H), b2 (1,): rows are outputs, as torch's Linear holds them; converted to float32.
    Raises InputError when the shapes do not fit each other or a weight is not finite.
    """
    weights = HeadWeights(*(np.ascontiguousarray(a, dtype="<f4") for a in (w1, b1, w2, b2)))
    _check(weights)
    graph = b"".join(
        [
            message_field(1, _node("Gemm", ["embedding", "hidden.weight", "hidden.bias"], "hidden", transpose_b=True)),
            message_field(1, _node("Relu", ["hidden"], "active")),
            message_field(1, _node("Gemm", ["active", "output.weight", "output.bias"], "logit", transpose_b=True)),
            message_field(1, _node("Sigmoid", ["logit"], "probability")),
            text_field(2, "facedge_head"),
            *(message_field(_INITIALIZER, _tensor(name, array)) for name, array in weights.tensors().items()),
            message_field(11, _port("embedding", weights.embedding_size)),
            message_field(12, _port("probability", 1)),
        ]
    )
    opset = text_field(1, "") + number_field(2, OPSET)
    header = number_field(1, IR_VERSION) + text_field(2, "facedge")
    return header + message_field(_GRAPH, graph) + message_field(_OPSETS, opset)


def read_head(data: bytes) -> HeadWeights:
    """The weights inside a head.onnx; raises BundleError unless `head_onnx_bytes` of them gives these very bytes."""
    wrong = "head.onnx is not a facedge head (Gemm, Relu, Gemm, Sigmoid with named weights): export the bundle again"
    try:
        tensors = dict(_read_tensor(t) for t in messages(first_message(data, _GRAPH), _INITIALIZER))
        weights = HeadWeights(**{field: tensors[name] for name, field in INITIALIZERS.items()})
        same = head_onnx_bytes(*weights.tensors().values()) == data
    except (KeyError, ValueError, OverflowError) as problem:
        raise BundleError(wrong) from problem
    if not same:
        raise BundleError(wrong)
    return weights


def verifier_with_head(verifier: bytes, head: bytes, properties: Mapping[str, str]) -> bytes:
    """The bytes of `verifier` (verifier.onnx) with the weights of `head` (head.onnx) and these properties.

    Raises BundleError when either file is not what facedge writes, or the shapes of the two heads differ.
    """
    weights = {f"head/{name}": array for name, array in read_head(head).tensors().items()}
    replaced: set[str] = set()

    def initializer(data: bytes) -> bytes:
        name = _tensor_name(data)
        if name not in weights:
            return data
        replaced.add(name)
        new = _tensor(name, weights[name])
        if len(new) != len(data):
            raise BundleError(f"verifier.onnx has another shape of {name} than head.onnx: export the bundle again")
        return new

    try:
        out = _rewrite(verifier, _GRAPH, lambda graph: _rewrite(graph, _INITIALIZER, initializer))
        out = b"".join(out[f.begin : f.end] for f in fields(out) if f.number != _PROPERTIES)
    except (KeyError, ValueError) as problem:
        raise BundleError("verifier.onnx is not an ONNX file: export the bundle again") from problem
    if replaced != set(weights):
        raise BundleError("verifier.onnx does not hold facedge's head: export the bundle again")
    return out + b"".join(message_field(_PROPERTIES, _entry(k, v)) for k, v in sorted(properties.items()))


def _rewrite(data: bytes, number: int, change: Callable[[bytes], bytes]) -> bytes:
    """The message `data` with `change` applied to each length-delimited field of this number."""
    parts = []
    for field in fields(data):
        if field.number == number and field.wire == LENGTH:
            parts.append(message_field(number, change(data[field.start : field.end])))
        else:
            parts.append(data[field.begin : field.end])
    return b"".join(parts)


def _check(w: HeadWeights) -> None:
    shapes = [array.shape for array in w.tensors().values()]
    fits = len(shapes[0]) == 2 and min(shapes[0]) > 0
    if not fits or shapes[1:] != [(w.hidden_size,), (1, w.hidden_size), (1,)]:
        raise InputError(f"head weights must have shapes (H, D), (H,), (1, H), (1,), not {', '.join(map(str, shapes))}")
    if not all(np.isfinite(array).all() for array in w.tensors().values()):
        raise InputError("head weights must be finite, but some are NaN or infinite: train the head again")


def _node(op: str, inputs: list[str], output: str, *, transpose_b: bool = False) -> bytes:
    """A NodeProto, named like its output."""
    attribute = text_field(1, "transB") + number_field(3, 1) + number_field(20, _INT_ATTRIBUTE)
    names = b"".join(text_field(1, name) for name in inputs) + text_field(2, output) + text_field(3, output)
    return names + text_field(4, op) + (message_field(5, attribute) if transpose_b else b"")


def _tensor(name: str, array: Float32Array) -> bytes:
    """A TensorProto of float32 values."""
    dims = b"".join(number_field(_DIMS, size) for size in array.shape)
    return dims + number_field(2, _FLOAT) + text_field(_NAME, name) + message_field(_RAW_DATA, array.tobytes())


def _port(name: str, columns: int) -> bytes:
    """A ValueInfoProto of float32 (N, columns)."""
    batch, width = message_field(1, text_field(2, "N")), message_field(1, number_field(1, columns))
    tensor_type = number_field(1, _FLOAT) + message_field(2, batch + width)
    return text_field(1, name) + message_field(2, message_field(1, tensor_type))


def _entry(key: str, value: str) -> bytes:
    """A StringStringEntryProto."""
    return text_field(1, key) + text_field(2, value)


def _tensor_name(data: bytes) -> str:
    return first_message(data, _NAME).decode()


def _read_tensor(data: bytes) -> tuple[str, Float32Array]:
    dims = [field.value for field in fields(data) if field.number == _DIMS and field.wire == VARINT]
    values = np.frombuffer(first_message(data, _RAW_DATA), dtype="<f4").astype(np.float32)
    return _tensor_name(data), values.reshape(dims)
