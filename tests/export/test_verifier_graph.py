"""verifier.onnx: its tensor has the kernel's bits, its outputs are those of the two files, for any H, W and N."""

import hashlib
import json

import numpy as np
import onnx
import pytest
import tiny_bundle
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from facedge.bundle.head_onnx import head_onnx_bytes, verifier_with_head
from facedge.errors import BundleError
from facedge.export.onnx import backbone_onnx, head_onnx, template_head_onnx
from facedge.export.verifier_graph import verifier_onnx
from facedge.faces.quality import input_contrast
from facedge.onnx_session import open_session
from facedge.preprocessing import preprocess
from facedge.preprocessing.spec import PreprocessSpec
from facedge.runtime.verifier_onnx import verifier_properties

SPEC = PreprocessSpec(size=32)
ODD_SPECS = [
    PreprocessSpec(size=64),
    PreprocessSpec(size=112),
    PreprocessSpec(size=9, crop=(1, 1, 178 * 256, 218 * 256)),
    PreprocessSpec(size=8, crop=(177 * 256, 217 * 256, 178 * 256, 218 * 256)),  # one pixel in the far corner
    PreprocessSpec(size=50, crop=(0, 0, 255, 200)),  # less than a pixel
]
SIZES = [(1, 1), (1, 7), (9, 1), (2, 3), (32, 32), (64, 64), (218, 178), (109, 89), (111, 97), (300, 45), (700, 1000)]


@pytest.fixture(scope="module")
def files(backbone: nn.Module, head: nn.Module) -> tuple[bytes, bytes]:
    return backbone_onnx(backbone, SPEC.size), head_onnx(head)


def properties(files: tuple[bytes, bytes], **changes: object) -> dict[str, str]:
    facts = {"name": "Ana", "threshold": 0.75, "spec_digest": SPEC.digest, "attribute_names": ("Smiling", "Café")}
    manifest = tiny_bundle.manifest(**{**facts, **changes})
    return verifier_properties(manifest, {"backbone.onnx": files[0], "head.onnx": files[1]})


@pytest.fixture(scope="module")
def debug(files: tuple[bytes, bytes]) -> bytes:
    return verifier_onnx(*files, SPEC, properties(files), debug=True)


def drawn(n: int, h: int, w: int, seed: int = 0) -> np.ndarray:
    """Noise, with a white and a black image among larger batches: the ends of every sum."""
    images = np.random.default_rng(seed).integers(0, 256, (n, h, w, 3), dtype=np.uint8)
    images[1:2], images[2:3] = 255, 0
    return images


def assert_same_bits(got: np.ndarray, expected: np.ndarray) -> None:
    assert got.shape == expected.shape and got.dtype == expected.dtype == np.float32
    assert np.array_equal(got.view(np.uint32), np.ascontiguousarray(expected).view(np.uint32))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("h", "w"), SIZES)
def test_tensor_has_the_kernels_bits(debug: bytes, h: int, w: int, threads: int) -> None:
    engine = open_session("model.onnx", debug, threads=threads)
    for n in (1, 4):
        images = drawn(n, h, w, seed=h * 1000 + w)
        (tensor,) = engine.run(["tensor"], {"image": images})
        assert_same_bits(tensor, preprocess(images, SPEC))


@pytest.mark.parametrize("spec", ODD_SPECS, ids=lambda s: f"{s.size}")
def test_tensor_of_other_specs(spec: PreprocessSpec) -> None:
    engine = open_session("model.onnx", preprocessing_only(spec))
    for h, w in SIZES:
        images = drawn(3, h, w)
        assert_same_bits(engine.run(["tensor"], {"image": images})[0], preprocess(images, spec))


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 3), h=st.integers(1, 260), w=st.integers(1, 260), seed=st.integers(0, 2**32 - 1))
def test_tensor_of_any_size(debug: bytes, n: int, h: int, w: int, seed: int) -> None:
    images = drawn(n, h, w, seed)
    assert_same_bits(open_session("model.onnx", debug).run(["tensor"], {"image": images})[0], preprocess(images, SPEC))


def preprocessing_only(spec: PreprocessSpec) -> bytes:
    from facedge.export.verifier_graph import GraphBuilder, add_preprocessing

    g = GraphBuilder("preprocess")
    add_preprocessing(g, spec, "image", to="tensor")
    value = onnx.helper.make_tensor_value_info
    image = value("image", onnx.TensorProto.UINT8, ["N", "H", "W", 3])
    tensor = value("tensor", onnx.TensorProto.FLOAT, ["N", 1, spec.size, spec.size])
    return bytes(g.model("preprocessing", [image], [tensor]).SerializeToString())


def test_outputs_are_those_of_the_two_files(files: tuple[bytes, bytes]) -> None:
    engine = open_session("model.onnx", verifier_onnx(*files, SPEC, properties(files)))
    backbone, head = open_session("model.onnx", files[0]), open_session("model.onnx", files[1])
    for n, h, w in [(1, 218, 178), (2, 109, 89), (7, 64, 50)]:
        images = drawn(n, h, w)
        embedding, attributes, probability = engine.run(["embedding", "attributes", "probability"], {"image": images})
        expected = backbone.run(["embedding", "attributes"], {"image": preprocess(images, SPEC)})
        (answer,) = head.run(["probability"], {"embedding": expected[0]})
        assert probability.shape == (n, 1) and embedding.shape == (n, 16) and attributes.shape == (n, 40)
        for got, wanted in [(embedding, expected[0]), (attributes, expected[1]), (probability, answer)]:
            assert np.abs(got - wanted).max() < 1e-5


def test_quality_is_the_contrast_of_the_network_input(debug: bytes) -> None:
    """Per image of a batch, in grey levels; 0 for one colour, 127.5 at most."""
    engine = open_session("model.onnx", debug)
    for h, w in [(32, 32), (218, 178), (109, 89)]:
        images = np.concatenate([drawn(4, h, w), drawn(2, h, w, seed=1) // 16 + 100])
        (quality,) = engine.run(["quality"], {"image": images})
        expected = [input_contrast(preprocess(one[None], SPEC)) for one in images]
        assert quality.shape == (6, 1) and quality.dtype == np.float32
        assert np.abs(quality[:, 0] - expected).max() < 1e-4
        assert quality[1, 0] == quality[2, 0] == 0  # white, black
    halves = np.zeros((1, 64, 64, 3), np.uint8)
    halves[:, :, :32] = 255
    assert 120 < engine.run(["quality"], {"image": halves})[0][0, 0] <= 127.5


def test_the_file_is_standard_with_its_properties(files: tuple[bytes, bytes]) -> None:
    data = verifier_onnx(*files, SPEC, properties(files))
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 20)]
    assert [i.name for i in model.graph.input] == ["image"]
    assert [o.name for o in model.graph.output] == ["embedding", "attributes", "probability", "quality"]
    said = {p.key: p.value for p in model.metadata_props}
    assert said["facedge.spec_digest"] == SPEC.digest and float(said["facedge.threshold"]) == 0.75
    assert json.loads(said["facedge.attribute_names"]) == ["Smiling", "Café"]
    assert said["facedge.backbone_sha256"] == hashlib.sha256(files[0]).hexdigest()
    assert data == verifier_onnx(*files, SPEC, properties(files))


def test_another_head_goes_in_without_the_onnx_package(files: tuple[bytes, bytes]) -> None:
    rng = np.random.default_rng(3)
    other = head_onnx_bytes(*(rng.standard_normal(s).astype(np.float32) for s in [(40, 16), (40,), (1, 40), (1,)]))
    said = properties((files[0], other), name="Bo", threshold=0.5)
    changed = verifier_with_head(verifier_onnx(*files, SPEC, properties(files)), other, said)
    assert changed == verifier_onnx(files[0], other, SPEC, said)


def test_a_head_of_another_shape_does_not_go_in(files: tuple[bytes, bytes]) -> None:
    verifier = verifier_onnx(*files, SPEC, properties(files))
    with pytest.raises(BundleError, match=r"another shape of head/hidden\.weight"):
        verifier_with_head(verifier, template_head_onnx(24), {})


@pytest.mark.parametrize("data", [b"", b"\x07", b"not an onnx file", b"\x3a\x05abc"])
def test_other_bytes_are_refused(files: tuple[bytes, bytes], data: bytes) -> None:
    with pytest.raises(BundleError, match=r"verifier\.onnx"):
        verifier_with_head(data, files[1], {})
