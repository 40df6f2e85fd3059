"""Teacher embeddings: normalised, cached, with the input convention of the teacher."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facedge.dataset.prepare import prepare_faces
from facedge.dataset.prepared import Faces
from facedge.demo.synthetic_dataset import write_synthetic_celeba
from facedge.errors import RunError
from facedge.train.teacher import (
    CONVENTIONS,
    Teacher,
    TeacherInput,
    fingerprint,
    normalised,
    open_teachers,
    read_convention,
    teacher_embeddings,
)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Faces:
    folder = tmp_path_factory.mktemp("teacher")
    write_synthetic_celeba(folder / "celeba", identities=5, images_per_identity=2)
    return Faces.open(prepare_faces(folder / "celeba", folder / "faces", workers=1).faces.path)


def recogniser(path: Path, batch: int | str) -> Path:
    """A recogniser that averages each channel of its 16x16 input: three numbers for a face."""
    node = helper.make_node("ReduceMean", ["image", "axes"], ["embedding"], keepdims=0)
    graph = helper.make_graph(
        [node],
        "teacher",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, 16, 16])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, 3])],
        [numpy_helper.from_array(np.array([2, 3], np.int64), "axes")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recogniser(tmp_path_factory.mktemp("model") / "teacher.onnx", 1)


RAW = TeacherInput(size=16, mean=0.0, scale=1.0)


def test_embeddings_have_unit_length_and_follow_the_colours(faces: Faces, teacher: Path) -> None:
    rows = faces.indices("train")
    embeddings = teacher_embeddings(Teacher(teacher, RAW), faces, rows)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-5)
    means = np.stack([faces.load_source(row)[60:190, 40:140].mean((0, 1)) for row in rows])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    assert (embeddings * means).sum(1).min() > 0.98


def test_bgr_teachers_get_the_channels_in_reverse_order(faces: Faces, teacher: Path) -> None:
    rows = faces.indices("test")
    rgb = teacher_embeddings(Teacher(teacher, RAW), faces, rows)
    bgr = teacher_embeddings(Teacher(teacher, TeacherInput(size=16, order="bgr", mean=0.0, scale=1.0)), faces, rows)
    np.testing.assert_allclose(rgb, bgr[:, ::-1], atol=1e-5)


def test_embeddings_are_computed_once(faces: Faces, teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = faces.indices("validation")
    asked = Teacher(teacher, RAW)
    first = teacher_embeddings(asked, faces, rows)
    monkeypatch.setattr(asked, "embed", lambda _: pytest.fail("the cache was not used"))
    np.testing.assert_array_equal(teacher_embeddings(asked, faces, rows), first)


def test_the_convention_comes_by_name_from_a_json_file_or_is_arcface_s(teacher: Path) -> None:
    assert read_convention(teacher, "sface") == CONVENTIONS["sface"]
    assert read_convention(teacher, None) == CONVENTIONS["arcface"]
    teacher.with_suffix(".json").write_text('{"size": 96, "order": "bgr"}')
    assert read_convention(teacher, None) == TeacherInput(size=96, order="bgr")
    for wrong in (
        '{"size": 96, "order": "yuv"}', '{"colour": "rgb"}', "no json", "[112]", "null", '{"size": "112"}',
        '{"size": 1}', '{"size": true}', '{"size": 1e9}', '{"scale": 0}', '{"scale": NaN}', '{"mean": Infinity}',
        '{"mean": "0"}',
    ):  # fmt: skip
        teacher.with_suffix(".json").write_text(wrong)
        with pytest.raises(RunError, match=r"teacher\.json"):
            read_convention(teacher, None)
    with pytest.raises(RunError, match="arcface or sface, got 'dlib'"):
        read_convention(teacher, "dlib")


def test_a_missing_or_invalid_teacher_is_refused(faces: Faces, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be read"):
        fingerprint(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(RunError, match="does not load in onnxruntime"):
        Teacher(tmp_path / "bad.onnx", RAW)


def test_a_graph_that_names_its_batch_and_takes_one_image_is_given_one(
    faces: Faces, teacher: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(recogniser(tmp_path / "one.onnx", "batch"))
    model.graph.node[0].output[0] = "means"
    model.graph.node.append(helper.make_node("Reshape", ["means", "one"], ["embedding"]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 3], np.int64), "one"))
    onnx.save(model, tmp_path / "one.onnx")
    single = Teacher(tmp_path / "one.onnx", RAW)
    assert single.batch == 1
    rows = faces.indices("validation")
    expected = teacher_embeddings(Teacher(teacher, RAW), faces, rows)
    np.testing.assert_allclose(teacher_embeddings(single, faces, rows), expected, atol=1e-6)
    assert capfd.readouterr().err == ""  # onnxruntime's complaint is no news


def test_a_teacher_of_any_batch_gives_the_same_embeddings(faces: Faces, teacher: Path, tmp_path: Path) -> None:
    rows = faces.indices("train")
    free = Teacher(recogniser(tmp_path / "free.onnx", "N"), RAW)
    assert free.batch > 1 == Teacher(teacher, RAW).batch
    np.testing.assert_allclose(
        teacher_embeddings(free, faces, rows), teacher_embeddings(Teacher(teacher, RAW), faces, rows), atol=1e-6
    )


def test_conventions_come_once_for_all_teachers_or_once_for_each(teacher: Path) -> None:
    both = [teacher, teacher]
    assert [t.convention for t in open_teachers(both, ["sface"])] == [CONVENTIONS["sface"]] * 2
    assert [t.convention.order for t in open_teachers(both, ["sface", "arcface"])] == ["bgr", "rgb"]
    assert open_teachers([], []) == []
    with pytest.raises(RunError, match="once for each of 2 teachers, got 3"):
        open_teachers(both, ["sface"] * 3)


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_an_embedding_without_a_direction_is_refused(value: float) -> None:
    embeddings = np.ones((3, 4), np.float32)
    embeddings[1] = value
    with pytest.raises(RunError, match="0 or no number: is --teacher-input the right one"):
        normalised(embeddings)
