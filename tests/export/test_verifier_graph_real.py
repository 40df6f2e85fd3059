"""verifier.onnx on real colour images, and what its preprocessing costs beside the backbone."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from facedge.export.onnx import backbone_onnx, template_head_onnx
from facedge.export.parity import check_verifier
from facedge.export.verifier_graph import verifier_onnx
from facedge.faces.quality import LEAST_INPUT_CONTRAST, too_poor
from facedge.image_files import find_images
from facedge.imaging import load_rgb
from facedge.onnx_session import open_session
from facedge.preprocessing import PreprocessSpec, preprocess
from facedge.train.architectures import build

SPEC = PreprocessSpec(size=64)


@pytest.fixture(scope="module")
def files() -> tuple[bytes, bytes]:
    torch.manual_seed(0)
    return backbone_onnx(build("edge", SPEC.size, 40).eval(), SPEC.size), template_head_onnx(128)


@pytest.mark.real
def test_real_faces_have_the_kernels_bits(files: tuple[bytes, bytes], shared_data: Path) -> None:
    paths = find_images(shared_data / "celeba" / "img_align_celeba")
    debug = verifier_onnx(*files, SPEC, {}, debug=True)
    shapes = set()
    for path in paths[:20] + paths[-20:]:  # half scale and full scale
        image = load_rgb(path)
        shapes.add(image.shape)
        assert check_verifier(debug, *files, image[None], SPEC) <= 1e-5
    assert shapes == {(109, 89, 3), (218, 178, 3)}


@pytest.mark.real
def test_flattened_real_faces_are_refused_by_its_quality(files: tuple[bytes, bytes], shared_data: Path) -> None:
    """The same images as facedge refuses: a host that reads this file only has the same gate."""
    engine = open_session("model.onnx", verifier_onnx(*files, SPEC, {}))
    paths = find_images(shared_data / "celeba" / "img_align_celeba")
    refused = 0
    for path in paths[:54]:
        image = load_rgb(path).astype(np.float64)
        for share in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3):
            flat = (128 + share * (image - 128)).astype(np.uint8)[None]
            (quality,) = engine.run(["quality"], {"image": flat})
            low = not quality[0, 0] >= LEAST_INPUT_CONTRAST
            assert low == too_poor(preprocess(flat, SPEC))
            refused += low
    assert 100 < refused < 300  # of 324


@pytest.mark.slow
def test_the_verifier_costs_at_most_twice_the_backbone(files: tuple[bytes, bytes]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 218, 178, 3), dtype=np.uint8)
    feeds = [image, preprocess(image, SPEC)]
    engines = [open_session("model.onnx", verifier_onnx(*files, SPEC, {})), open_session("model.onnx", files[0])]
    seconds: list[list[float]] = [[], []]
    for _ in range(200):  # in turns, so that both meet the same machine
        for engine, feed, times in zip(engines, feeds, seconds, strict=True):
            start = time.process_time()  # what waits for a busy processor costs nothing
            engine.run(None, {"image": feed})
            times.append(time.process_time() - start)
    assert np.median(seconds[0]) <= 2 * np.median(seconds[1])
