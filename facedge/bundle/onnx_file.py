"""ONNX files without the onnx and protobuf packages: reading and writing fields, and inspecting graphs.

An ONNX file is a protobuf message, a sequence of fields: a key (field number and wire type, one varint) and a value
(https://protobuf.dev/programming-guides/encoding/). The field numbers used here are fixed by onnx.proto.
`inspect_graph` proves that a graph refers to nothing outside its file and is small enough before an engine loads it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from facedge.bundle.json_fields import REPAIR
from facedge.errors import BundleError

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5  # wire types
MOST_FIELD_NUMBER = (1 << 29) - 1  # protobuf's limit; some parsers cut larger numbers off and read another field


class ProtobufError(ValueError):
    """The bytes do not parse as protobuf."""


class Field(NamedTuple):
    """One field: `value` holds a varint (else 0); the content is data[start:end], key included data[begin:end]."""

    number: int
    wire: int
    value: int
    begin: int
    start: int
    end: int


def fields(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """The fields of the message data[start:end], in order; ProtobufError where the bytes are no message."""
    at, end = start, len(data) if end is None else end
    while at < end:
        begin = at
        key, at = _read_varint(data, at, end)
        number, wire = key >> 3, key & 7
        value, content = 0, at
        if wire == VARINT:
            value, at = _read_varint(data, at, end)
        elif wire == LENGTH:
            length, content = _read_varint(data, at, end)
            at = content + length
        elif wire in (FIXED64, FIXED32):
            at += 8 if wire == FIXED64 else 4
        else:
            raise ProtobufError(f"wire type {wire}")
        if at > end:
            raise ProtobufError("cut short")
        if not 1 <= number <= MOST_FIELD_NUMBER:
            raise ProtobufError(f"field {number}")
        yield Field(number, wire, value, begin, content, at)


def messages(data: bytes, number: int) -> Iterator[bytes]:
    """The contents of the length-delimited fields of this number."""
    return (data[f.start : f.end] for f in fields(data) if f.number == number and f.wire == LENGTH)


def first_message(data: bytes, number: int) -> bytes:
    """The content of the first length-delimited field of this number; KeyError where there is none."""
    for content in messages(data, number):
        return content
    raise KeyError(number)


def _read_varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    if at < end and data[at] < 0x80:  # the most common case: a bundle is read at every start
        return data[at], at + 1
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise ProtobufError("cut short")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ProtobufError("a varint of more than 10 bytes")


def number_field(number: int, value: int) -> bytes:
    """A field with a varint, of a value of at least 0."""
    return _varint(number << 3 | VARINT) + _varint(value)


def message_field(number: int, content: bytes) -> bytes:
    """A length-delimited field: a message, bytes, or packed numbers."""
    return _varint(number << 3 | LENGTH) + _varint(len(content)) + content


def text_field(number: int, text: str) -> bytes:
    """A string field, UTF-8."""
    return message_field(number, text.encode())


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


IR_VERSION = 10  # of the files that facedge writes
MOST_OPSET = 20  # what the oldest supported engines run: onnxruntime 1.20, onnxruntime-web, Debian's onnxruntime
STANDARD_DOMAINS = frozenset({"", "ai.onnx"})
MOST_DEPTH = 32
MOST_FIELDS = 1 << 17  # of the whole file; the package's own backbone has about 2,000
MOST_NODES = 20_000
MOST_TEXT_BYTES = 1 << 20  # of one name or metadata value
UNBOUNDED = frozenset({"Loop", "Scan"})  # a file of a few bytes can demand 2^62 iterations

# For each kind of message, the fields that hold further messages worth visiting.
CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 14: "property", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
}


@dataclass(frozen=True)
class GraphFacts:
    """What `inspect_graph` reads from an ONNX file."""

    ir_version: int
    opset: int
    operators: frozenset[str]
    properties: Mapping[str, str]


def inspect_graph(name: str, data: bytes) -> GraphFacts:
    """Facts about the ONNX file `data`; BundleError (with its name `name`) where the bundle format forbids its content.

    Forbidden: data outside the file, operators outside the standard ONNX domain, Loop and Scan, an opset above 20,
    more than 20,000 nodes or 131,072 protobuf fields.
    """
    try:
        return _facts(name, data)
    except ProtobufError as problem:
        raise BundleError(f"{name} is not an ONNX file ({problem}): {REPAIR}") from problem


def check_graphs(files: Mapping[str, bytes]) -> None:
    """Inspect every .onnx file among `files`; BundleError at the first that breaks the format."""
    for name, data in files.items():
        if name.endswith(".onnx"):
            inspect_graph(name, data)


def _facts(name: str, data: bytes) -> GraphFacts:
    ir_version, opset, nodes, operators, properties = 0, 0, 0, set(), {}
    for kind, parts in _messages(name, data):
        if kind == "model":
            ir_version = next((part.value for part in parts if part.number == 1), 0)
        elif kind == "tensor":
            _refuse_external(name, parts)
        elif kind == "node":
            nodes += 1
            operators.add(_standard_operator(name, data, parts))
        elif kind == "opset" and _text(data, parts, 1) in STANDARD_DOMAINS:
            opset = max(opset, *(part.value for part in parts if part.number == 2), 0)
        elif kind == "property":
            properties[_text(data, parts, 1)] = _text(data, parts, 2)
    if not operators or not 1 <= opset <= MOST_OPSET:
        raise BundleError(
            f"{name} has {len(operators)} operators of opset {opset}; expected some, of 1 to {MOST_OPSET}: {REPAIR}"
        )
    if nodes > MOST_NODES:
        raise BundleError(f"{name} has {nodes:,} nodes; expected at most {MOST_NODES:,}: {REPAIR}")
    return GraphFacts(ir_version, opset, frozenset(operators), properties)


def _refuse_external(name: str, tensor: list[Field]) -> None:
    """external_data is field 13 of a tensor, data_location field 14 (1 = external)."""
    if any(part.number == 13 or (part.number == 14 and part.value != 0) for part in tensor):
        raise BundleError(f"{name} keeps weights in another file (external data), which a bundle never does: {REPAIR}")


def _standard_operator(name: str, data: bytes, node: list[Field]) -> str:
    operator, domain = _text(data, node, 4)[:80], _text(data, node, 7)
    if domain not in STANDARD_DOMAINS:
        raise BundleError(
            f"{name} uses {domain[:80]}.{operator}, and a bundle holds standard ONNX operators only: {REPAIR}"
        )
    if operator in UNBOUNDED:
        raise BundleError(f"{name} uses {operator}, and a bundle holds no operators that iterate: {REPAIR}")
    return operator


def _text(data: bytes, parts: list[Field], number: int) -> str:
    """The string field `number`, "" where absent; the last one counts, as protobuf defines it."""
    found = [part for part in parts if part.number == number and part.wire == LENGTH]
    if not found:
        return ""
    if found[-1].end - found[-1].start > MOST_TEXT_BYTES:
        raise ProtobufError(f"a text of more than {MOST_TEXT_BYTES:,} bytes")
    return data[found[-1].start : found[-1].end].decode("utf-8", "replace")


def _messages(name: str, data: bytes) -> Iterator[tuple[str, list[Field]]]:
    """The fields of every message of the file that CHILDREN leads to, subgraphs included."""
    pending, left = [("model", 0, len(data), 0)], MOST_FIELDS
    while pending:
        kind, start, end, depth = pending.pop()
        if depth > MOST_DEPTH:
            raise ProtobufError("nested too deeply")
        parts = list(islice(fields(data, start, end), left + 1))
        left -= len(parts)
        if left < 0:
            raise BundleError(f"{name} has more than {MOST_FIELDS:,} protobuf fields, too many for a bundle: {REPAIR}")
        yield kind, parts
        below = CHILDREN.get(kind, {})
        for part in parts:
            if part.number in below:
                if part.wire != LENGTH:
                    raise ProtobufError(f"field {part.number} of {kind} is not a message")
                pending.append((below[part.number], part.start, part.end, depth + 1))
