"""Inspecting an ONNX file without the onnx package: operators, opset, metadata, and what a bundle forbids.

The field numbers are those of onnx.proto, which never change. Every message that may hold a tensor or an operator is
visited, subgraphs and functions included, before onnxruntime is given the file. The limits on fields and nodes keep
the inspection of any file under a second.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from facedge.bundle.json_fields import REPAIR
from facedge.bundle.protobuf import LENGTH, Field, ProtobufError, fields
from facedge.errors import BundleError

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
