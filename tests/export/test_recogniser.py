"""Recognisers as other makers export them -> a backbone of the bundle's contract, or one sentence."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("torch")
import onnx
from onnx import TensorProto, helper, numpy_helper
from tiny_recogniser import EMBEDDING, FOLDED, SIZE, image, write_model, write_pixels, write_recogniser

from facedge.bundle.onnx_file import inspect_graph
from facedge.errors import ExportError
from facedge.export.recogniser import GRID, AttributeLayer, backbone_of, feature_maps, usable_maps
from facedge.onnx_session import open_session
from facedge.train.recogniser import Recogniser, RecogniserInput, open_recogniser
from facedge.train.teacher import TeacherInput

RNG = np.random.default_rng(0)
GREYS = RNG.integers(0, 256, (7, 1, SIZE, SIZE))
IMAGES = ((GREYS - 127.5) / 127.5).astype(np.float32)


def tiny(**changes: object) -> RecogniserInput:
    return RecogniserInput(TeacherInput(size=SIZE, **changes))  # type: ignore[arg-type]


def without_layer(recogniser: Recogniser) -> bytes:
    return backbone_of(recogniser, usable_maps(recogniser))


def features(recogniser: Recogniser, images: np.ndarray = IMAGES) -> np.ndarray:
    """What the attribute layer reads: (N, F)."""
    return open_session("features", without_layer(recogniser)).run(["attributes"], {"image": images})[0]


def backbone(recogniser: Recogniser) -> bytes:
    columns = open_session("features", without_layer(recogniser)).get_outputs()[1].shape[1]
    weights = RNG.normal(0, 1, (3, columns)).astype(np.float32)
    return backbone_of(recogniser, usable_maps(recogniser), AttributeLayer(weights, np.zeros(3, np.float32)))


def embeddings(data: bytes, images: np.ndarray = IMAGES) -> np.ndarray:
    return open_session("backbone", data).run(["embedding"], {"image": images})[0]


@pytest.mark.parametrize("reshape", [(1, FOLDED), (1, -1), (-1, FOLDED), (0, -1), (8, FOLDED // 8), (2, 1, -1)])
def test_any_batch_gives_what_single_images_give(tmp_path: Path, reshape: tuple[int, ...]) -> None:
    """(8, ...) has the images and channels on one axis; (2, 1, -1) keeps its first axis, as it is not of images."""
    found = open_recogniser(write_recogniser(tmp_path / "r.onnx", reshape=reshape), tiny())
    expected = found.reference(IMAGES)
    data = backbone(found)
    if reshape[0] == 2:
        assert np.abs(embeddings(data, IMAGES[:1]) - expected[:1]).max() < 1e-6
        return
    for count in (1, 2, 7):
        assert np.abs(embeddings(data, IMAGES[:count]) - expected[:count]).max() < 1e-6
    assert expected.std(axis=0).max() > 1e-3  # the images differ, so a mixed-up batch would be noticed


@pytest.mark.parametrize("opset", [9, 11, 13, 17, 20, 21])
def test_every_opset_becomes_that_of_a_bundle(tmp_path: Path, opset: int) -> None:
    found = open_recogniser(write_recogniser(tmp_path / "r.onnx", opset=opset, batch="batch"), tiny())
    data = backbone(found)
    facts = inspect_graph("backbone.onnx", data)
    assert facts.opset == 20 and "BatchNormalization" not in facts.operators
    assert np.abs(embeddings(data) - found.reference(IMAGES)).max() < 1e-6


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (1, 8, 8, 3), (1, 1, 8, 8), (1, 8, 8, 1)])
@pytest.mark.parametrize(("mean", "scale"), [(127.5, 127.5), (0.0, 1.0), (0.0, 255.0), (127.5, 128.0)])
def test_it_gets_the_grey_image_in_its_own_range(
    tmp_path: Path, shape: tuple[int, ...], mean: float, scale: float
) -> None:
    convention = RecogniserInput(TeacherInput(size=8, mean=mean, scale=scale))
    data = backbone(open_recogniser(write_pixels(tmp_path / "p.onnx", shape), convention))
    greys = GREYS[:2, :, :8, :8]
    given_ = embeddings(data, ((greys - 127.5) / 127.5).astype(np.float32))
    values = (greys - mean) / scale
    axis = shape.index(3) if 3 in shape else shape.index(1, 1)
    channels = np.repeat(values if axis == 1 else values.transpose(0, 2, 3, 1), shape[axis], axis=axis).reshape(2, -1)
    assert np.abs(given_ - channels / np.linalg.norm(channels, axis=1, keepdims=True)).max() < 1e-6


def test_the_outputs_are_those_of_a_bundle(tmp_path: Path) -> None:
    found = open_recogniser(write_recogniser(tmp_path / "r.onnx"), tiny())
    read = features(found)
    layer = AttributeLayer(RNG.normal(0, 0.1, (5, read.shape[1])).astype(np.float32), np.ones(5, np.float32))
    session = open_session("backbone", backbone_of(found, usable_maps(found), layer))
    embedding, attributes = session.run(["embedding", "attributes"], {"image": IMAGES})
    assert np.allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-6)
    assert np.allclose(attributes, 1 / (1 + np.exp(-(read @ layer.weights.T + layer.bias))), atol=1e-6)
    assert [port.shape for port in session.get_inputs()] == [["N", 1, SIZE, SIZE]]


def test_the_attributes_are_read_from_the_embedding_and_the_last_map_of_each_stage(tmp_path: Path) -> None:
    """A plain network ends a stage of 8x8 with its ReLU, here of 8 channels; 4x4 comes from pooling alone."""
    found = open_recogniser(write_recogniser(tmp_path / "r.onnx"), tiny())
    (last,) = feature_maps(found.graph, SIZE)
    assert (last.channels, last.side) == (8, 8)
    read = features(found)
    assert np.array_equal(read[:, :EMBEDDING], embeddings(without_layer(found)))
    assert read.shape[1] == EMBEDDING + 8 * GRID**2 and (read[:, EMBEDDING:] >= 0).all()


@pytest.mark.parametrize("side", [3, 4, 5, 7, 8, 14])
def test_a_residual_block_ends_with_its_sum(tmp_path: Path, side: int) -> None:
    """Averages of GRID x GRID regions of the map, which overlap where the side asks for it; small maps as they are."""
    kernels = {name: RNG.normal(0, 1, shape) for name, shape in (("k", (2, 3, 1, 1)), ("l", (2, 2, 1, 1)))}
    nodes = [
        helper.make_node("Conv", ["data", "k"], ["stem"], strides=[4, 4]),
        helper.make_node("Conv", ["stem", "l"], ["branch"]),
        helper.make_node("Add", ["stem", "branch"], ["block"]),
        helper.make_node("Conv", ["block", "l"], ["wider"]),
        helper.make_node("Flatten", ["wider"], ["feature"]),
    ]
    weights = [numpy_helper.from_array(kernel.astype(np.float32), name) for name, kernel in kernels.items()]
    path = write_model(tmp_path / "r.onnx", nodes, [image([1, 3, 4 * side, 4 * side])], [1, 2 * side**2], weights)
    found = open_recogniser(path, RecogniserInput(TeacherInput(size=4 * side)))
    (block,) = feature_maps(found.graph, 4 * side)
    assert (block.name, block.channels, block.side) == ("block", 2, side)
    images = RNG.uniform(-1, 1, (5, 1, 4 * side, 4 * side)).astype(np.float32)
    first = images[:, :, ::4, ::4] * kernels["k"].sum(axis=(1, 2, 3))[None, :, None, None]
    expected = first + np.einsum("oi,nihw->nohw", kernels["l"][..., 0, 0], first)
    if side > GRID:
        step = side // GRID
        starts = range(0, GRID * step, step)
        kernel = side - (GRID - 1) * step
        regions = [[expected[:, :, y : y + kernel, x : x + kernel].mean((2, 3)) for x in starts] for y in starts]
        expected = np.moveaxis(np.array(regions), (0, 1), (2, 3))
    assert np.allclose(features(found, images)[:, 2 * side**2 :], expected.reshape(5, -1), atol=1e-5)


def test_a_map_of_parts_of_an_image_is_left_out(tmp_path: Path) -> None:
    """Four windows of an image as four images of a convolution: averages of them are no longer of one image each."""
    shapes = {"k": (8, 3, 4, 4), "l": (2, 2, 2, 2), "m": (EMBEDDING, 4 * 2 * 7 * 7)}
    weights = [numpy_helper.from_array(RNG.normal(0, 0.1, s).astype(np.float32), n) for n, s in shapes.items()]
    sizes = {"windows": [-1, 2, 8, 8], "row": [-1, 4 * 2 * 7 * 7]}
    weights += [numpy_helper.from_array(np.array(size, np.int64), name) for name, size in sizes.items()]
    nodes = [
        helper.make_node("Conv", ["data", "k"], ["stem"], strides=[4, 4]),
        helper.make_node("Reshape", ["stem", "windows"], ["parts"]),
        helper.make_node("Conv", ["parts", "l"], ["mixed"]),
        helper.make_node("Reshape", ["mixed", "row"], ["joined"]),
        helper.make_node("Gemm", ["joined", "m"], ["feature"], transB=1),
    ]
    path = write_model(tmp_path / "r.onnx", nodes, [image([1, 3, SIZE, SIZE])], [1, EMBEDDING], weights)
    found = open_recogniser(path, tiny())
    assert [each.name for each in feature_maps(found.graph, SIZE)] == ["stem", "mixed"]
    assert [each.name for each in usable_maps(found)] == ["stem"]
    assert np.abs(embeddings(backbone(found)) - found.reference(IMAGES)).max() < 1e-6


def network(path: Path, *middle: onnx.NodeProto, dims: tuple[int | str, ...] = (1, 3, SIZE, SIZE)) -> Recogniser:
    """A convolution to the map `stem` (8, 8, 8), nodes from it to `map`, and everything of that as the embedding."""
    weights = {
        "k": RNG.normal(0, 0.2, (8, 3, 4, 4)),
        "l": RNG.normal(0, 0.2, (8, 8, 1, 1)),
        "place": np.ones((1, 8, 8, 8)),
    }
    nodes = [helper.make_node("Conv", ["data", "k"], ["stem"], strides=[4, 4]), *middle]
    nodes.append(helper.make_node("Flatten", ["map"], ["feature"]))
    initializers = [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()]
    return open_recogniser(write_model(path, nodes, [image(list(dims))], ["N", "D"], initializers, 13), tiny())


@pytest.mark.parametrize("dims", [("N", 3, "H", "W"), ("N", "C", "H", "W")])
def test_a_free_height_and_width_are_those_of_the_convention(tmp_path: Path, dims: tuple[int | str, ...]) -> None:
    found = network(tmp_path / "r.onnx", helper.make_node("Relu", ["stem"], ["map"]), dims=dims)
    assert [each.side for each in usable_maps(found)] == [8]


def test_a_place_added_to_a_map_ends_no_stage(tmp_path: Path) -> None:
    added = helper.make_node("Add", ["stem", "place"], ["placed"])
    found = network(tmp_path / "r.onnx", added, helper.make_node("Conv", ["placed", "l"], ["map"]))
    assert [each.name for each in usable_maps(found)] == ["map"]


def test_branches_end_where_they_are_joined(tmp_path: Path) -> None:
    branch = helper.make_node("Conv", ["stem", "l"], ["branch"])
    found = network(tmp_path / "r.onnx", branch, helper.make_node("Concat", ["stem", "branch"], ["map"], axis=1))
    assert [(each.name, each.channels) for each in usable_maps(found)] == [("map", 16)]


def test_maps_of_half_precision_are_read_as_float32(tmp_path: Path) -> None:
    half = [
        helper.make_node("Cast", ["stem"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("Relu", ["half"], ["active"]),
        helper.make_node("Cast", ["active"], ["map"], to=TensorProto.FLOAT),
    ]
    found = network(tmp_path / "r.onnx", *half)
    assert [each.name for each in usable_maps(found)] == ["active"]
    assert features(found).dtype == np.float32


def test_a_recogniser_without_convolutions_has_its_embedding_alone(tmp_path: Path) -> None:
    found = open_recogniser(write_pixels(tmp_path / "p.onnx", (1, 3, 8, 8)), RecogniserInput(TeacherInput(8)))
    assert feature_maps(found.graph, 8) == []
    images = RNG.uniform(-1, 1, (2, 1, 8, 8)).astype(np.float32)
    assert np.array_equal(features(found, images), embeddings(backbone(found), images))


def test_an_embedding_of_length_zero_is_finite(tmp_path: Path) -> None:
    data = backbone(open_recogniser(write_pixels(tmp_path / "p.onnx", (1, 3, 8, 8)), RecogniserInput(TeacherInput(8))))
    assert np.isfinite(embeddings(data, np.zeros((1, 1, 8, 8), np.float32))).all()


def test_weights_in_a_file_beside_it_are_read(tmp_path: Path) -> None:
    path = write_recogniser(tmp_path / "r.onnx", seed=3)
    expected = embeddings(backbone(open_recogniser(path, tiny())))
    model = onnx.load(str(path))
    onnx.save(model, str(path), save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (tmp_path / "weights.bin").stat().st_size > 1000
    assert np.array_equal(embeddings(backbone(open_recogniser(path, tiny()))), expected)


def test_a_batch_that_cannot_be_freed_is_named(tmp_path: Path) -> None:
    """A class token stored for one image, as vision transformers have it."""
    token = numpy_helper.from_array(np.ones((1, EMBEDDING), np.float32), "token")
    join = [helper.make_node("Constant", [], ["token"], value=token)]
    join += [helper.make_node("Concat", ["dense", "token"], ["feature"], axis=1)]
    found = open_recogniser(write_recogniser(tmp_path / "r.onnx", tail=join), tiny())
    with pytest.raises(ExportError, match=r"r\.onnx is fixed to one image at a time.*free batch axis"):
        usable_maps(found)


def test_operators_of_one_engine_only_are_refused(tmp_path: Path) -> None:
    gelu = [helper.make_node("Gelu", ["dense"], ["feature"], domain="com.microsoft")]
    path = write_recogniser(tmp_path / "r.onnx", tail=gelu)
    with pytest.raises(ExportError, match=r"cannot be a bundle's backbone.*com\.microsoft\.Gelu"):
        backbone(open_recogniser(path, tiny()))
