"""A bundle with another maker's recogniser, of other sizes than the package's own, in the C and the Node host."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")
from export_runs import write_faces
from node_host import node, require_node
from PIL import Image
from tiny_recogniser import SIZE, write_recogniser

import facedge
from facedge.bundle import Bundle, read_bundle
from facedge.dataset.prepared import Faces
from facedge.export.adopt import AdoptRequest, adopt
from facedge.export.verifier_graph import joined_verifier

PROBES = (-2, -1, 0, 5, 40)  # two images of the enrolled person, and three of others


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """me.facedge, enrolled on an adopted recogniser, and faces/."""
    folder = tmp_path_factory.mktemp("adopted")
    (folder / "tiny.json").write_text(json.dumps({"size": SIZE, "mean": 0, "scale": 1, "box": [20.5, 40, 150, 180.25]}))
    faces = write_faces(folder / "faces")
    base = folder / "base.facedge"
    adopt(AdoptRequest(write_recogniser(folder / "tiny.onnx"), base, faces, input=str(folder / "tiny.json")))
    facedge.enroll(list(Faces.open(faces).images[-2:]), bundle=base, far=0.1).save(folder / "me.facedge")
    return folder


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Bundle:
    return read_bundle(folder / "me.facedge")


def probes(folder: Path) -> list[np.ndarray]:
    """RGB crops (218, 178, 3)."""
    images = Faces.open(folder / "faces").images
    return [np.repeat(images[k][..., None], 3, axis=2) for k in PROBES]


def scores(bundle: Bundle, photos: list[np.ndarray]) -> list[float]:
    verifier = facedge.load(bundle.path)
    return [float(score) for score in verifier.score(verifier.embed(np.stack(photos)))]


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_golden(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
    assert [case["tensor_values_off"] for case in lines(done)] == [0, 0, 0]
    assert all(case["outputs_off"] <= 1e-4 for case in lines(done))  # type: ignore[operator]


def test_it_has_other_sizes_than_the_packages_own(bundle: Bundle) -> None:
    manifest = bundle.manifest
    assert (manifest.preprocess_spec().size, manifest.embedding_size) == (32, 16)
    assert manifest.preprocess_spec().crop == (20 * 256 + 128, 40 * 256, 150 * 256, 180 * 256 + 64)


def test_the_c_host(folder: Path, bundle: Bundle, built: Path, engine: str, tmp_path: Path) -> None:
    def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [str(built / program), *map(str, arguments)]
        environment = {**os.environ, "FACEDGE_ONNXRUNTIME": engine}
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    assert_golden(run("facedge-golden", bundle.path))
    photos = probes(folder)
    for number, photo in enumerate(photos):
        (tmp_path / f"{number}.ppm").write_bytes(b"P6\n178 218\n255\n" + photo.tobytes())
    names = [tmp_path / f"{number}.ppm" for number in range(len(photos))]
    said = lines(run("facedge-c", "verify", *names, "-b", bundle.path, "--aligned"))
    expected = scores(bundle, photos)
    assert np.allclose([line["score"] for line in said], expected, atol=1e-5)
    assert [line["decision"] == "accept" for line in said] == [s >= bundle.manifest.threshold for s in expected]
    assert [line["decision"] for line in said[:2]] == ["accept", "accept"]


def test_the_node_host(folder: Path, bundle: Bundle, tmp_path: Path) -> None:
    require_node()
    (tmp_path / "debug.onnx").write_bytes(joined_verifier(bundle.manifest, bundle.files, debug=True))
    assert_golden(node("golden.js", bundle.path, tmp_path / "debug.onnx"))
    photos = probes(folder)
    paths = [tmp_path / f"{number}.jpg" for number in range(len(photos))]
    for path, photo in zip(paths, photos, strict=True):
        Image.fromarray(photo).save(path, quality=100, subsampling=0)
    said = lines(node("verify.js", bundle.path, *paths))
    assert np.allclose([line["score"] for line in said], scores(bundle, photos), atol=0.05)  # JPEG: a level or so
    assert [line["decision"] for line in said[:2]] == ["accept", "accept"]
