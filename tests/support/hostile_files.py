"""Files made to harm a reader: graphs, arrays and manifests within an otherwise sound bundle."""

from collections.abc import Callable
from typing import Any

from onnx import TensorProto, helper

from facedge.bundle.arrays import MAGIC
from facedge.bundle.onnx_file import MOST_FIELDS, MOST_NODES


def npy(header: str, version: bytes = b"\x01\x00", values: bytes = bytes(16)) -> bytes:
    digits = 2 if version == b"\x01\x00" else 4
    return MAGIC + version + len(header).to_bytes(digits, "little") + header.encode() + values


def fields_of(descr: str = "'<f4'", shape: str = "(4,)", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


def nodes(count: int) -> bytes:
    """A graph of so many empty nodes."""
    body = b"\x0a\x00" * count
    return b"\x3a" + four_byte_varint(len(body)) + body + b"\x42\x02\x10\x11"  # opset 17


def four_byte_varint(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14 & 0x7F | 0x80, value >> 21])


def loop() -> bytes:
    """A graph that doubles a value 2^62 times."""
    kinds = {"i": TensorProto.INT64, "c": TensorProto.BOOL, "x": TensorProto.FLOAT}
    inputs = [helper.make_tensor_value_info(name, kind, []) for name, kind in kinds.items()]
    outputs = [helper.make_tensor_value_info(name, kind, []) for name, kind in (("c", kinds["c"]), ("y", kinds["x"]))]
    body = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "body", inputs, outputs)
    node = helper.make_node("Loop", ["n", "", "z"], ["probability"], body=body)
    graph = helper.make_graph([node], "g", [], [], [helper.make_tensor("n", TensorProto.INT64, [], [2**62])])
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())


GRAPHS = {
    "empty graphs": b"\x3a\x00" * 5_000_000,
    "empty nodes": nodes(5_000_000),
    "unknown fields": b"\x78\x00" * 5_000_000,
    "as many fields as allowed": nodes(MOST_FIELDS - 10),
    "nodes": nodes(MOST_NODES + 1),
    "a long text": b"\x72" + four_byte_varint(50_000_004) + b"\x0a" + four_byte_varint(49_999_999) + b"a" * 49_999_999,
    "a loop": loop(),
    "a length of 2^63": b"\x3a" + b"\xff" * 9 + b"\x01",
}
ARRAYS = {
    "10^18 values": npy(fields_of(shape="(1000000000000000000,)")),
    "10^36 values": npy(fields_of(shape="(1000000000000000000, 1000000000000000000)")),
    "an empty array with long axes": npy(fields_of(shape="(0, 1000000000000000000, 1000000000000000000)"), values=b""),
    "a negative axis": npy(fields_of(shape="(-1,)")),
    "100 axes": npy(fields_of(shape="(" + "1, " * 99 + "4)")),
    "a nested shape": npy(fields_of(shape="(" * 3000 + ")" * 3000)),
    "a shape that is no tuple": npy(fields_of(shape="4")),
    "a shape as type": npy(fields_of(descr="(4,)")),
    "objects": npy(fields_of(descr="'|O'")),
    "texts": npy(fields_of(descr="'<U4'")),
    "a record": npy(fields_of(descr="[('a', '<f4')]")),
    "dates": npy(fields_of(descr="'<M8[ns]'")),
    "no type": npy("{'fortran_order': False, 'shape': (4,), }\n"),
    "no dictionary": npy("[" * 5000),
    "code": npy("{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (4,), }"),
    "an unclosed text": npy("{'descr': '<f4"),
    "Python 2": npy(fields_of(shape="(4L,)")),
    "a header longer than the file": npy(fields_of())[:20],
    "a header of 50 MB": npy(fields_of() + " " * 50_000_000, b"\x02\x00"),
    "blanks": npy(" " * 9_999, b"\x02\x00"),
    "commas": npy("{" + "," * 9_000 + "}"),
    "version 9": npy(fields_of(), b"\x09\x00"),
    "no version": MAGIC,
}
BIG = 10**400
MANIFESTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a threshold of 10^400": lambda m: m.update(threshold=BIG),
    "an embedding of 10^400": lambda m: m.update(embedding_size=BIG),
    "a figure of 10^400": lambda m: m.update(metrics={"a": [BIG]}),
    "a version of 10^400": lambda m: m.update(format_version=BIG),
    "a size of 10^400": lambda m: m["files"]["head.onnx"].update(size=BIG),
    "a difference of 10^400": lambda m: m.update(parity={"a": BIG}),
    "a spec of 10^400": lambda m: m["spec"].update(size=BIG),
    "a spec of 2^50": lambda m: m["spec"].update(size=2**50),
    "a spec of lists": lambda m: m["spec"].update(size=[[1]], crop=[[1], {}]),
    "a spec of no crop": lambda m: m["spec"].update(crop=None),
    "a surrogate in a name": lambda m: m.update(name="a\ud800"),
    "a surrogate in a key": lambda m: m.update({"\udfff": 1}),
    "a surrogate in a figure": lambda m: m.update(metrics={"a\ud800": "\udc00"}),
    "figures nested 900 times": lambda m: m.update(metrics={"a": nested(900)}),
    "a name nested 900 times": lambda m: m.update(name=nested(900)),
    "a million lists": lambda m: m.update(metrics={"a": [[]] * 1_000_000}),
    "a long key": lambda m: m.update({"k" * 1_000_000: 1}),
}


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value
