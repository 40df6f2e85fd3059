"""The C host's look into ONNX files sees what facedge's own does, on whole, spoiled and random bytes."""

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx")
import bundle_mutations
import onnx
import tiny_bundle
from hostile_files import GRAPHS
from onnx import TensorProto, helper

from facedge.bundle.onnx_file import inspect_graph
from facedge.errors import BundleError

HOST = Path(__file__).resolve().parents[2] / "deploy" / "c"
FINE, BROKEN, EXTERNAL, FOREIGN, NEWER, _, LARGE, LOOPS = range(8)  # onnx.h's onnx_verdict
WORDS = {
    BROKEN: "is not an ONNX file",
    EXTERNAL: "external data",
    FOREIGN: "standard ONNX",
    NEWER: "expected some, of",
    LARGE: "protobuf fields|nodes; expected at most",
    LOOPS: "no operators that iterate",
}
HEAD, BACKBONE = tiny_bundle.head_onnx(), tiny_bundle.backbone_onnx()

Inspect = Callable[[bytes], int]


@pytest.fixture(scope="module")
def inspect(tmp_path_factory: pytest.TempPathFactory) -> Inspect:
    """onnx_inspect of deploy/c, as a function of bytes."""
    if not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    library = tmp_path_factory.mktemp("onnx") / "onnx.so"
    flags = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, "-o", str(library), str(HOST / "onnx.c")], check=True)
    function = ctypes.CDLL(str(library)).onnx_inspect
    function.argtypes, function.restype = [ctypes.c_char_p, ctypes.c_size_t], ctypes.c_int
    return lambda data: int(function(data, len(data)))


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_made_to_harm_a_reader(inspect: Inspect, name: str) -> None:
    verdict = LOOPS if name == "a loop" else BROKEN if name in ("a long text", "a length of 2^63") else LARGE
    assert_both_say(inspect, GRAPHS[name], verdict)


def assert_both_say(inspect: Inspect, data: bytes, verdict: int) -> None:
    assert inspect(data) == verdict
    if verdict == FINE:
        inspect_graph("x.onnx", data)
    else:
        with pytest.raises(BundleError, match=WORDS[verdict]):
            inspect_graph("x.onnx", data)


def agrees(inspect: Inspect, data: bytes) -> bool:
    """Both refuse or both accept; which fault comes first may differ."""
    try:
        inspect_graph("x.onnx", data)
    except BundleError:
        return inspect(data) != FINE
    return inspect(data) == FINE


def nested(depth: int) -> bytes:
    """A head with a subgraph in a subgraph in ...: two levels of messages each, besides the model's own two."""
    graph = helper.make_graph([helper.make_node("Identity", ["a"], ["b"])], "inner", [], [])
    for _ in range(depth):
        graph = helper.make_graph([helper.make_node("If", ["a"], ["b"], then_branch=graph)], "outer", [], [])
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())


def in_a_function() -> bytes:
    model = onnx.load_from_string(HEAD)
    tensor = onnx.load_from_string(bundle_mutations._external("w.bin")).graph.initializer[0]
    node = helper.make_node("Constant", [], ["y"], value=tensor)
    model.functions.append(helper.make_function("", "Mine", [], ["y"], [node], [helper.make_opsetid("", 17)]))
    return bytes(model.SerializeToString())


def sparse() -> bytes:
    tensor = onnx.load_from_string(bundle_mutations._external("w.bin")).graph.initializer[0]
    indices = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    model = onnx.load_from_string(HEAD)
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(tensor, indices, [4]))
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (HEAD, FINE),
        (BACKBONE, FINE),
        (bundle_mutations._external("/etc/passwd"), EXTERNAL),
        (bundle_mutations._external_below(), EXTERNAL),
        (in_a_function(), EXTERNAL),
        (sparse(), EXTERNAL),
        (bundle_mutations._custom(), FOREIGN),
        (tiny_bundle.backbone_onnx(opset=21), NEWER),
        (b"", NEWER),
        (b"hello head", BROKEN),
        (HEAD[:300], BROKEN),
        (HEAD + b"\x0b", BROKEN),  # a group, which proto3 does not have
        (HEAD + b"\x80" * 11, BROKEN),
        (nested(8), FINE),
        (nested(11), BROKEN),
    ],
)
def test_both_say_the_same(inspect: Inspect, data: bytes, verdict: int) -> None:
    assert_both_say(inspect, data, verdict)


def test_a_field_number_that_engines_cut_off_hides_nothing(inspect: Inspect) -> None:
    """A key of 35 bits: read whole it is a field that nobody knows, cut to 32 bits it is the graph."""
    key = (7 << 3 | 2) + (1 << 32)
    overlong = bytes([key & 0x7F | 0x80, key >> 7 & 0x7F | 0x80, key >> 14 & 0x7F | 0x80, key >> 21 & 0x7F | 0x80])
    overlong += bytes([key >> 28])
    assert_both_say(inspect, HEAD + overlong + b"\x00", BROKEN)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_random_bytes(inspect: Inspect, data: bytes) -> None:
    assert agrees(inspect, data)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_spoiled_graphs(inspect: Inspect, data: st.DataObject) -> None:
    spoiled = bytearray(data.draw(st.sampled_from([HEAD, bundle_mutations._external_below()])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(spoiled) - 1))
        spoiled[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=6))
    assert agrees(inspect, bytes(spoiled))
