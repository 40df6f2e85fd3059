"""Looking into an ONNX file without the onnx package: what it refers to and which operators it needs.

An ONNX file is a protobuf message. The few field numbers used here are fixed by onnx.proto and never change; they
are enough to prove that a graph keeps nothing outside its file before an engine sees it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from facedge.bundle._fields import REPAIR
from facedge.errors import BundleError

MOST_OPSET = 20  # what the oldest engine we support (onnxruntime 1.20, onnxruntime-web, Debian's) runs
STANDARD_DOMAINS = frozenset({"", "ai.onnx"})
MOST_DEPTH = 32
MOST_FIELD = (1 << 29) - 1  # protobuf's; engines cut a larger number off, and would read another field than we
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

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


class Field(NamedTuple):
    """One field of a message: its number, its value (an int, or the bytes start..end of the file)."""

    number: int
    wire: int
    value: int
    start: int
    end: int


@dataclass(frozen=True)
class GraphFacts:
    """What a reader needs to know before it hands a graph to an engine."""

    ir_version: int
    opset: int
    operators: frozenset[str]
    properties: Mapping[str, str]


class _ProtobufError(ValueError):
    """The bytes do not parse as protobuf."""


def inspect_graph(name: str, data: bytes) -> GraphFacts:
    """Facts about the ONNX file `data`; BundleError (naming it `name`) where format version 1 forbids what it holds.

    Forbidden: data outside the file, operators outside the standard ONNX domain, an opset above 20.
    """
    try:
        return _facts(name, data)
    except _ProtobufError as problem:
        raise BundleError(f"{name} is not an ONNX file ({problem}): {REPAIR}") from problem


def check_graphs(files: Mapping[str, bytes]) -> None:
    """Inspect every .onnx file among `files`; BundleError at the first that breaks the format."""
    for name, data in files.items():
        if name.endswith(".onnx"):
            inspect_graph(name, data)


def _facts(name: str, data: bytes) -> GraphFacts:
    ir_version, opset, operators, properties = 0, 0, set(), {}
    for kind, parts in _messages(data):
        if kind == "model":
            ir_version = next((part.value for part in parts if part.number == 1), 0)
        elif kind == "tensor":
            _refuse_external(name, parts)
        elif kind == "node":
            operators.add(_standard_operator(name, data, parts))
        elif kind == "opset" and _text(data, parts, 1) in STANDARD_DOMAINS:
            opset = max(opset, *(part.value for part in parts if part.number == 2), 0)
        elif kind == "property":
            properties[_text(data, parts, 1)] = _text(data, parts, 2)
    if not operators or not 1 <= opset <= MOST_OPSET:
        raise BundleError(
            f"{name} has {len(operators)} operators of opset {opset}; expected some, of 1 to {MOST_OPSET}: {REPAIR}"
        )
    return GraphFacts(ir_version, opset, frozenset(operators), properties)


def _refuse_external(name: str, tensor: list[Field]) -> None:
    """external_data is field 13 of a tensor, data_location field 14 (1 = external)."""
    if any(part.number == 13 or (part.number == 14 and part.value != 0) for part in tensor):
        raise BundleError(f"{name} keeps weights in another file (external data), which a bundle never does: {REPAIR}")


def _standard_operator(name: str, data: bytes, node: list[Field]) -> str:
    operator, domain = _text(data, node, 4), _text(data, node, 7)
    if domain not in STANDARD_DOMAINS:
        raise BundleError(f"{name} uses {domain}.{operator}, and a bundle holds standard ONNX operators only: {REPAIR}")
    return operator


def _text(data: bytes, parts: list[Field], number: int) -> str:
    """The string field `number`, "" where absent; the last one counts, as protobuf has it."""
    found = [part for part in parts if part.number == number and part.wire == LENGTH]
    return data[found[-1].start : found[-1].end].decode("utf-8", "replace") if found else ""


def _messages(data: bytes) -> Iterator[tuple[str, list[Field]]]:
    """The fields of every message of the file that CHILDREN leads to, subgraphs included."""
    waiting = [("model", 0, len(data), 0)]
    while waiting:
        kind, start, end, depth = waiting.pop()
        if depth > MOST_DEPTH:
            raise _ProtobufError("nested too deeply")
        parts = _fields(data, start, end)
        yield kind, parts
        below = CHILDREN.get(kind, {})
        for part in parts:
            if part.number in below:
                if part.wire != LENGTH:
                    raise _ProtobufError(f"field {part.number} of {kind} is no message")
                waiting.append((below[part.number], part.start, part.end, depth + 1))


def _fields(data: bytes, at: int, end: int) -> list[Field]:
    found = []
    while at < end:
        key, at = _varint(data, at, end)
        number, wire = key >> 3, key & 7
        value, start = 0, at
        if wire == VARINT:
            value, at = _varint(data, at, end)
        elif wire == LENGTH:
            length, start = _varint(data, at, end)
            at = start + length
        elif wire in (FIXED64, FIXED32):
            at += 8 if wire == FIXED64 else 4
        else:
            raise _ProtobufError(f"wire type {wire}")
        if at > end:
            raise _ProtobufError("cut short")
        if not 1 <= number <= MOST_FIELD:
            raise _ProtobufError(f"field {number}")
        found.append(Field(number, wire, value, start, at))
    return found


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    if at < end and data[at] < 0x80:  # nearly always; a bundle is read at every start
        return data[at], at + 1
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise _ProtobufError("cut short")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _ProtobufError("a number without end")
