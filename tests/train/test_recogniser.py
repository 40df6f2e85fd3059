"""Files that are recognisers, or one sentence why not; and what each convention feeds them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("torch")
import onnx
from onnx import TensorProto, helper
from tiny_recogniser import EMBEDDING, SIZE, image, write_model, write_recogniser

from facedge.errors import ExportError, InputError
from facedge.preprocessing.spec import LANDMARKS
from facedge.train.recogniser import ARCFACE_BOX, RecogniserInput, open_recogniser, read_input
from facedge.train.teacher import ARCFACE_LANDMARKS, TeacherInput

TINY = RecogniserInput(TeacherInput(size=SIZE))


def flat(*more: str) -> list[onnx.NodeProto]:
    return [helper.make_node("Flatten", ["data", *more], ["feature"])]


def refused(path: Path, what: str) -> None:
    with pytest.raises(ExportError, match=what):
        open_recogniser(path, TINY)


def test_what_is_no_recogniser_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "r.onnx"
    refused(path, "there is no file")
    path.write_bytes(b"not ONNX at all")
    refused(path, "does not load")
    refused(write_model(path, flat(), [image([1, 3, 40, 40])], [1, 4800]), r"\(N, 3, 32, 32\).*--input FILE.json")
    refused(write_model(path, flat(), [image([1, 3, SIZE])], [1, 96]), "one input, float32")
    add = [helper.make_node("Add", ["data", "other"], ["sum"]), helper.make_node("Flatten", ["sum"], ["feature"])]
    both = [image([1, 3, SIZE, SIZE]), helper.make_tensor_value_info("other", TensorProto.FLOAT, [1, 3, SIZE, SIZE])]
    refused(write_model(path, add, both, [1, 3072]), "one input, float32.*data.*other")
    half = image([1, 3, SIZE, SIZE], TensorProto.FLOAT16)
    refused(write_model(path, flat(), [half], [1, 3072], dtype=TensorProto.FLOAT16), "float16")


def test_another_output_than_an_embedding_is_refused(tmp_path: Path) -> None:
    path, whole = tmp_path / "r.onnx", [image([1, 3, SIZE, SIZE])]
    same = [helper.make_node("Identity", ["data"], ["feature"])]
    refused(write_model(path, same, whole, [1, 3, SIZE, SIZE]), r"an embedding \(1, D\).*\(1, 3, 32, 32\)")
    shape = [helper.make_node("Shape", ["data"], ["feature"])]
    refused(write_model(path, shape, whole, [4], dtype=TensorProto.INT64), "int64")
    pooled = [helper.make_node("GlobalAveragePool", ["data"], ["feature"])]
    assert open_recogniser(write_model(path, pooled, whole, [1, 3, 1, 1]), TINY).embedding_size == 3


def test_a_graph_with_branches_is_refused(tmp_path: Path) -> None:
    bodies = {
        name: helper.make_graph(
            [helper.make_node(kind, ["dense"], [f"{name}_out"])],
            name,
            [],
            [helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, [1, EMBEDDING])],
        )
        for name, kind in (("then_branch", "Relu"), ("else_branch", "Neg"))
    }
    branch = [
        helper.make_node("ReduceSum", ["dense"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["sum"], ["yes"], to=TensorProto.BOOL),
        helper.make_node("If", ["yes"], ["feature"], **bodies),
    ]
    refused(write_recogniser(tmp_path / "r.onnx", tail=branch), "conditional parts")


def test_the_names_of_conventions() -> None:
    arcface, sface = read_input("arcface"), read_input("sface")
    assert arcface.spec == sface.spec and arcface.spec.size == 112
    assert (sface.values.mean, sface.values.scale) == (0.0, 1.0)
    with pytest.raises(InputError, match=r"expected --input arcface, sface or a file ending in \.json, got 'facenet'"):
        read_input("facenet")


def test_the_box_is_the_inverse_of_the_arcface_alignment() -> None:
    """The scale and shift that bring CelebA's landmarks nearest to ArcFace's, fitted here."""
    x, y = np.array(LANDMARKS, np.float64).T
    one, none = np.ones(5), np.zeros(5)
    rows = np.concatenate([np.stack([x, one, none], 1), np.stack([y, none, one], 1)])
    scale, dx, dy = np.linalg.lstsq(rows, np.array(ARCFACE_LANDMARKS).T.reshape(-1), rcond=None)[0]
    corners = [-dx / scale, -dy / scale, (112 - dx) / scale, (112 - dy) / scale]
    assert np.allclose(ARCFACE_BOX, corners, atol=0.01)


def test_a_file_overrides_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text(json.dumps({"size": 160, "mean": 127.5, "scale": 128, "box": [0, 20, 178, 198.5]}))
    found = read_input(str(path))
    assert found.spec.size == 160 and found.spec.crop == (0, 20 * 256, 178 * 256, 198 * 256 + 128)
    assert (found.values.order, found.values.scale) == ("rgb", 128)
    path.write_text(json.dumps(found.to_dict()))
    assert read_input(str(path)) == found


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["size", "order", "mean", "scale", "box", "colour"])


@given(st.dictionaries(KEYS, json_values | st.lists(st.floats(-10, 300), min_size=4, max_size=4), max_size=4))
def test_any_file_is_a_convention_or_an_error(tmp_path_factory: pytest.TempPathFactory, content: object) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(content))
    try:
        found = read_input(str(path))
    except InputError as problem:
        assert "any.json should hold" in str(problem)
    else:
        assert isinstance(found.values.mean, float | int) and found.spec.size == found.values.size
        assert found.values.order in ("rgb", "bgr")


@pytest.mark.parametrize(
    "text", ["", "[1]", "7", "{", '{"colour": 1}', '{"box": [1, 2]}', '{"size": 4}', '{"scale": 0}']
)
def test_what_is_no_convention_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "in.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"should hold size, order, mean, scale and box"):
        read_input(str(path))
