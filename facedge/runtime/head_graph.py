"""The head's ONNX file, written and read in plain Python: enrollment on a device needs no onnx package.

Every head is the same graph with other weights (embedding -> Gemm -> Relu -> Gemm -> Sigmoid -> probability), so the
few protobuf fields it takes are spelled out here. Field numbers: onnx.proto of the ONNX standard; wire format:
protobuf's "Encoding" page (varint = 0, length-delimited = 2). The bytes are a pure function of the weights.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from facedge.errors import BundleError, InputError

Floats: TypeAlias = npt.NDArray[np.float32]

OPSET = 17  # the oldest that all supported onnxruntimes share; Gemm, Relu and Sigmoid have not changed since 13
IR_VERSION = 8
_FLOAT, _INT_ATTRIBUTE = 1, 2  # TensorProto.FLOAT, AttributeProto.INT


@dataclass(frozen=True)
class HeadWeights:
    """Weights of a head: hidden (H, D) and (H,), output (1, H) and (1,), all float32, rows are outputs as in torch."""

    hidden_weight: Floats
    hidden_bias: Floats
    output_weight: Floats
    output_bias: Floats

    @property
    def embedding_size(self) -> int:
        """D, the length of the embedding that the head reads."""
        return int(self.hidden_weight.shape[1])

    @property
    def hidden_size(self) -> int:
        """H, the number of hidden neurons."""
        return int(self.hidden_weight.shape[0])


INITIALIZERS = {
    "hidden.weight": "hidden_weight",
    "hidden.bias": "hidden_bias",
    "output.weight": "output_weight",
    "output.bias": "output_bias",
}


def head_onnx_bytes(w1: Floats, b1: Floats, w2: Floats, b2: Floats) -> bytes:
    """head.onnx for these weights: `embedding` float32 (N, D) -> `probability` float32 (N, 1).

    w1 (H, D), b1 (H,), w2 (1, H), b2 (1,): rows are outputs, as torch's Linear holds them; converted to float32.
    Raises InputError when the shapes do not fit each other or a weight is not finite.
    """
    weights = HeadWeights(*(np.ascontiguousarray(a, dtype="<f4") for a in (w1, b1, w2, b2)))
    _check(weights)
    graph = b"".join(
        [
            _message(1, _node("Gemm", ["embedding", "hidden.weight", "hidden.bias"], "hidden", transpose_b=True)),
            _message(1, _node("Relu", ["hidden"], "active")),
            _message(1, _node("Gemm", ["active", "output.weight", "output.bias"], "logit", transpose_b=True)),
            _message(1, _node("Sigmoid", ["logit"], "probability")),
            _text(2, "facedge_head"),
            *(_message(5, tensor_bytes(name, getattr(weights, field))) for name, field in INITIALIZERS.items()),
            _message(11, _value("embedding", weights.embedding_size)),
            _message(12, _value("probability", 1)),
        ]
    )
    opset = _text(1, "") + _number(2, OPSET)
    return _number(1, IR_VERSION) + _text(2, "facedge") + _message(7, graph) + _message(8, opset)


def read_head(data: bytes) -> HeadWeights:
    """The weights inside a head.onnx; raises BundleError unless `head_onnx_bytes` of them gives these very bytes."""
    wrong = "head.onnx is not a facedge head (Gemm, Relu, Gemm, Sigmoid with named weights): export the bundle again"
    try:
        tensors = dict(_read_tensor(t) for t in _fields_numbered(5, _first(7, data)))
        weights = HeadWeights(**{field: tensors[name] for name, field in INITIALIZERS.items()})
        same = head_onnx_bytes(*(getattr(weights, field) for field in INITIALIZERS.values())) == data
    except (KeyError, ValueError, IndexError) as problem:
        raise BundleError(wrong) from problem
    if not same:
        raise BundleError(wrong)
    return weights


def _check(w: HeadWeights) -> None:
    shapes = [w.hidden_weight.shape, w.hidden_bias.shape, w.output_weight.shape, w.output_bias.shape]
    fits = len(shapes[0]) == 2 and min(shapes[0]) > 0
    if not fits or shapes[1:] != [(w.hidden_size,), (1, w.hidden_size), (1,)]:
        raise InputError(f"head weights must have shapes (H, D), (H,), (1, H), (1,), not {', '.join(map(str, shapes))}")
    if not all(np.isfinite(getattr(w, field)).all() for field in INITIALIZERS.values()):
        raise InputError("head weights must be finite, but some are NaN or infinite: train the head again")


# --- writing -------------------------------------------------------------------------------------------------------


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, payload: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(payload)) + payload


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode())


def _node(op: str, inputs: list[str], output: str, *, transpose_b: bool = False) -> bytes:
    attribute = _text(1, "transB") + _number(3, 1) + _number(20, _INT_ATTRIBUTE)
    names = b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(3, output)
    return names + _text(4, op) + (_message(5, attribute) if transpose_b else b"")


def tensor_bytes(name: str, array: Floats) -> bytes:
    """A TensorProto of float32 values."""
    dims = b"".join(_number(1, size) for size in array.shape)
    return dims + _number(2, _FLOAT) + _text(8, name) + _message(9, array.tobytes())


def _value(name: str, columns: int) -> bytes:
    batch, width = _message(1, _text(2, "N")), _message(1, _number(1, columns))
    tensor_type = _number(1, _FLOAT) + _message(2, batch + width)
    return _text(1, name) + _message(2, _message(1, tensor_type))


def field_bytes(number: int, value: int | bytes) -> bytes:
    """One field as `fields` gives it, back in wire format."""
    return _number(number, value) if isinstance(value, int) else _message(number, value)


def property_bytes(number: int, key: str, value: str) -> bytes:
    """A field that holds a StringStringEntryProto."""
    return _message(number, _text(1, key) + _text(2, value))


# --- reading -------------------------------------------------------------------------------------------------------


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("varint longer than 64 bits")


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of a message that holds varints and length-delimited fields only."""
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        value, at = _read_varint(data, at)
        if key & 7 == 0:
            yield key >> 3, value
        elif key & 7 == 2 and at + value <= len(data):
            yield key >> 3, data[at : at + value]
            at += value
        else:
            raise ValueError("unexpected wire type or truncated field")


def first_text(number: int, data: bytes) -> str:
    """The first string field of this number; KeyError where there is none."""
    return _first(number, data).decode()


def _fields_numbered(number: int, data: bytes) -> Iterator[bytes]:
    return (value for field, value in fields(data) if field == number and isinstance(value, bytes))


def _first(number: int, data: bytes) -> bytes:
    for value in _fields_numbered(number, data):
        return value
    raise KeyError(number)


def _read_tensor(data: bytes) -> tuple[str, Floats]:
    dims = [value for field, value in fields(data) if field == 1 and isinstance(value, int)]
    values = np.frombuffer(_first(9, data), dtype="<f4").astype(np.float32)
    return first_text(8, data), values.reshape(dims)
