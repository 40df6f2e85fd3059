"""verifier.onnx without the onnx package: which file a bundle gets, and what onnxruntime alone makes of it."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

pytest.importorskip("onnx")

import tiny_bundle

import facedge
from facedge.bundle import Bundle, read_bundle
from facedge.bundle.onnx_file import inspect_graph
from facedge.bundle.resolve import pretrained
from facedge.demo.synthetic_dataset import synthetic_face
from facedge.export.onnx import template_head_onnx
from facedge.export.verifier_graph import joined_verifier
from facedge.faces.quality import LEAST_INPUT_CONTRAST, too_poor
from facedge.runtime.embedder import Embedder
from facedge.runtime.golden import draw
from facedge.runtime.verifier_onnx import fitted_verifier, verifier_properties

ENROLL = """
import sys
sys.modules["onnx"] = sys.modules["torch"] = None  # an import of either raises ImportError
from pathlib import Path
import numpy as np
from facedge.bundle import read_bundle
from facedge.bundle.resolve import pretrained
from facedge.enrollment import store
from facedge.enrollment.fit import fit
base = read_bundle(pretrained())
samples = np.load("samples.npy")
store.write_personal(Path("ana.facedge"), store.personal_bundle(base, fit(base, samples), samples, name="ana"))
"""


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return read_bundle(pretrained())


@pytest.fixture(scope="module")
def enrolled(shipped: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped bundle with the embeddings of three noisy crops enrolled, written without the onnx package."""
    folder = tmp_path_factory.mktemp("enrolled")
    np.save(folder / "samples.npy", Embedder(shipped).embed(np.stack([noisy(take) for take in range(3)])))
    subprocess.run([sys.executable, "-c", ENROLL], cwd=folder, check=True)
    return folder / "ana.facedge"


def noisy(take: int) -> np.ndarray:
    noise = np.random.default_rng(take).integers(-30, 31, (218, 178, 3))
    return np.clip(tiny_bundle.crop(0).astype(int) + noise, 0, 255).astype(np.uint8)


def drawn_face() -> np.ndarray:
    """A crop with a face, unlike the noise that is enrolled."""
    with Image.open(io.BytesIO(synthetic_face(5, 12, 0)[0])) as drawn:
        return np.asarray(drawn.convert("RGB"))


def flattened(image: np.ndarray, share: float) -> np.ndarray:
    """The image with its contrast reduced to this share, as behind a veil of light."""
    return (128 + share * (image.astype(float) - 128)).astype(np.uint8)


def test_the_shipped_bundle_carries_it_in_its_precision(shipped: Bundle) -> None:
    properties = inspect_graph("verifier.onnx", shipped.files["verifier.onnx"]).properties
    assert properties == verifier_properties(shipped.manifest, shipped.files)
    assert shipped.manifest.precision == "int8"
    assert properties["facedge.backbone_sha256"] == shipped.manifest.files["backbone.int8.onnx"].sha256
    assert float(properties["facedge.quality_floor"]) == LEAST_INPUT_CONTRAST == 8.0
    assert len(shipped.files["verifier.onnx"]) < 1.1 * len(shipped.files["backbone.int8.onnx"])


def test_what_is_enrolled_without_onnx_opens_in_onnxruntime_alone(enrolled: Path) -> None:
    """Scores as facedge gives them, and the threshold beside them."""
    session = onnxruntime.InferenceSession(str(enrolled / "verifier.onnx"), providers=["CPUExecutionProvider"])
    verifier = facedge.load(enrolled)
    assert float(session.get_modelmeta().custom_metadata_map["facedge.threshold"]) == verifier.threshold
    accepted = 0
    for crop in [noisy(7), tiny_bundle.crop(0), tiny_bundle.crop(2, 109, 89), draw(218, 178), drawn_face()]:
        embedding, probability = session.run(["embedding", "probability"], {"image": crop[None]})
        decision = verifier.verify(crop, aligned=True)
        assert decision.score is not None
        assert abs(float(probability[0, 0]) - decision.score) <= 1e-5
        assert np.abs(embedding - verifier.embed(crop[None])).max() <= 1e-5
        accepted += decision.accepted
    assert 1 <= accepted < 5


def test_a_flattened_crop_is_refused_by_both(enrolled: Path) -> None:
    """Hosts accepted 40 of 324 such crops before the file had `quality`."""
    session = onnxruntime.InferenceSession(str(enrolled / "verifier.onnx"), providers=["CPUExecutionProvider"])
    floor = float(session.get_modelmeta().custom_metadata_map["facedge.quality_floor"])
    verifier, refused = facedge.load(enrolled), 0
    for share in (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5):
        crop = flattened(noisy(0), share)
        (quality,) = session.run(["quality"], {"image": crop[None]})
        assert quality.shape == (1, 1)
        assert (not quality[0, 0] >= floor) == too_poor(verifier.embedder.prepare(crop[None]))
        assert (verifier.verify(crop, aligned=True).reason == "low_quality") == (not quality[0, 0] >= floor)
        refused += not quality[0, 0] >= floor
    assert 2 <= refused <= 6


def test_a_bundle_without_it_gets_the_shipped_one(shipped: Bundle) -> None:
    """Enrolled with the package's own backbone, before bundles had verifier.onnx."""
    files = {name: data for name, data in shipped.files.items() if name != "verifier.onnx"}
    assert fitted_verifier(shipped.manifest, files) == shipped.files["verifier.onnx"]


def test_of_another_backbone_or_head_there_is_none(shipped: Bundle) -> None:
    in_float = replace(shipped.manifest, precision="fp32")
    assert fitted_verifier(in_float, shipped.files) is None
    assert fitted_verifier(shipped.manifest, {**shipped.files, "head.onnx": template_head_onnx(24)}) is None
    assert fitted_verifier(tiny_bundle.manifest(), tiny_bundle.files()) is None


def test_an_own_backbone_keeps_its_own_graph() -> None:
    manifest, files = tiny_bundle.manifest(), tiny_bundle.files()
    files["verifier.onnx"] = joined_verifier(manifest, files)
    files["head.onnx"] = tiny_bundle.head_onnx(me=1)
    renamed = replace(manifest, name="ben", threshold=0.25)
    assert fitted_verifier(renamed, files) == joined_verifier(renamed, files)
