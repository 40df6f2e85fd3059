"""Looking into ONNX files without the onnx package: compared with the onnx package."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("onnx")

import onnx
import onnx.helper
import tiny_bundle

from facedge.bundle.onnx_file import inspect_graph
from facedge.errors import BundleError

HEAD = tiny_bundle.head_onnx()


@pytest.mark.parametrize("data", [HEAD, tiny_bundle.backbone_onnx()], ids=["head", "backbone"])
def test_facts_are_those_of_the_onnx_package(data: bytes) -> None:
    model = onnx.load_from_string(data)
    onnx.helper.set_model_props(model, {"spec": "abc", "näme": "ü"})
    facts = inspect_graph("x.onnx", model.SerializeToString())
    assert facts.ir_version == model.ir_version
    assert facts.opset == model.opset_import[0].version
    assert facts.operators == {node.op_type for node in model.graph.node}
    assert facts.properties == {"spec": "abc", "näme": "ü"}


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with pytest.raises(BundleError, match=r"x\.onnx"):
        inspect_graph("x.onnx", data)


@given(st.integers(0, len(HEAD) - 1), st.integers(0, 255))
def test_no_damage_breaks_the_reader(at: int, value: int) -> None:
    damaged = HEAD[:at] + bytes([value]) + HEAD[at + 1 :]
    try:
        inspect_graph("x.onnx", damaged)
    except BundleError as problem:
        assert str(problem).startswith("x.onnx")


@given(st.integers(0, len(HEAD) - 1))
def test_no_cut_breaks_the_reader(at: int) -> None:
    try:
        inspect_graph("x.onnx", HEAD[:at])
    except BundleError as problem:
        assert str(problem).startswith("x.onnx")


def test_graphs_nested_without_end_are_refused() -> None:
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["a"], ["b"])], "g", [], [])
    for _ in range(12):
        graph = onnx.helper.make_graph([onnx.helper.make_node("If", ["a"], ["b"], then_branch=graph)], "g", [], [])
    data = onnx.helper.make_model(graph).SerializeToString()
    with pytest.raises(BundleError, match="nested too deeply"):
        inspect_graph("x.onnx", data)
