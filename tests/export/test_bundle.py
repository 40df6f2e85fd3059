"""A run and a prepared dataset -> a bundle that the runtime reads, or one sentence and nothing on the disk."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from export_runs import NAMES, SPEC, write_backbone, write_faces, write_head
from torch import nn

from facedge.bundle import read_bundle
from facedge.bundle.cohort import read_cohort
from facedge.dataset.prepared import Faces
from facedge.errors import BundleError, ExportError, InputError, RunError
from facedge.export import bundle as export_module
from facedge.export import parity
from facedge.export.bundle import ExportRequest, export_bundle
from facedge.export.onnx import backbone_onnx
from facedge.runtime.golden import check_golden
from facedge.runtime.verifier import load
from facedge.train.run_folder import embed_faces


@pytest.fixture(scope="module", autouse=True)
def exported_once() -> Iterator[None]:
    """torch's exporter takes seconds a call, and the same weights give the same bytes (test_backbone_onnx): once do."""
    known: dict[bytes, bytes] = {}

    def cached(backbone: nn.Module, size: int) -> bytes:
        key = b"".join(value.numpy().tobytes() for value in backbone.state_dict().values())
        return known[key] if key in known else known.setdefault(key, backbone_onnx(backbone, size))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_module, "backbone_onnx", cached)
        yield


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> ExportRequest:
    """A request with run, head and faces, and an output that does not exist yet."""
    folder = tmp_path_factory.mktemp("export")
    run = write_backbone(folder / "run")
    return ExportRequest(
        run, folder / "ana.facedge", head=write_head(folder / "head", run), faces=write_faces(folder / "faces")
    )


@pytest.fixture(scope="module")
def enrolled(inputs: ExportRequest) -> Path:
    said: list[str] = []
    bundle = export_bundle(inputs, say=said.append)
    assert "threshold" in said[-1] and "40 impostors" in said[-1]
    return bundle.path


def test_an_enrolled_bundle_carries_its_evidence(enrolled: Path) -> None:
    bundle = read_bundle(enrolled)
    m = bundle.manifest
    assert m.enrolled and m.name == "ana" and m.attribute_names == NAMES and m.embedding_size == 128
    assert m.spec_digest == SPEC.digest and m.preprocess_spec() == SPEC
    assert set(m.parity) == {"embedding", "attributes", "probability", "verifier"}
    assert all(0 <= d <= 1e-4 for d in m.parity.values())
    assert m.calibration and (m.calibration.identities, m.calibration.comparisons) == (40, 80)
    assert m.calibration.far_target == 0.1 and "validation people of drawn faces" in m.calibration.method
    assert m.metrics["held_out"]["images"] == 80 and m.metrics["held_out"]["partition"] == "validation"
    assert (m.data.name, m.data.licence, m.data.partition) == ("drawn faces", "free", "by person")


def test_the_threshold_keeps_the_far_on_the_impostors(enrolled: Path, inputs: ExportRequest) -> None:
    assert inputs.faces is not None
    verifier = load(enrolled)
    faces = Faces.open(inputs.faces)
    scores = verifier.score(verifier.embed(np.ascontiguousarray(faces.images[faces.indices("validation")])))
    assert 0 < np.mean(scores >= verifier.threshold) <= 0.1
    assert scores.std() > 1e-3  # the test needs a head whose scores differ


def test_the_bundle_gives_the_outputs_of_torch(enrolled: Path, inputs: ExportRequest) -> None:
    assert inputs.faces is not None
    images = np.ascontiguousarray(Faces.open(inputs.faces).images[:9])
    embeddings, attributes = embed_faces(inputs.run, images)
    verifier = load(enrolled)
    assert np.abs(verifier.embed(images) - embeddings).max() < 1e-5
    assert np.abs(verifier.attributes(images) - attributes).max() < 1e-5


def test_the_cohort_is_the_validation_people(enrolled: Path, inputs: ExportRequest) -> None:
    assert inputs.faces is not None
    found = read_cohort(read_bundle(enrolled).files)
    assert found is not None
    faces = Faces.open(inputs.faces)
    rows = faces.indices("validation")
    embeddings, _ = embed_faces(inputs.run, np.ascontiguousarray(faces.images[rows]))
    assert np.abs(found[0] - embeddings).max() < 1e-5 and np.array_equal(found[1], faces.identities[rows])


def test_golden_vectors_are_reproduced(enrolled: Path) -> None:
    assert "reproduced" in check_golden(read_bundle(enrolled))


def test_an_enrolled_bundle_is_private(enrolled: Path) -> None:
    assert enrolled.stat().st_mode & 0o777 == 0o700
    assert (enrolled / "cohort.npy").stat().st_mode & 0o777 == 0o600


def test_without_a_head_nobody_is_enrolled(inputs: ExportRequest, tmp_path: Path) -> None:
    said: list[str] = []
    request = replace(inputs, head=None, output=tmp_path / "base.facedge", name="Base", usage="tests only")
    bundle = export_bundle(request, say=said.append)
    m = bundle.manifest
    assert (m.enrolled, m.threshold, m.calibration, m.name, m.usage) == (False, None, None, "Base", "tests only")
    assert "cohort.npy" in bundle.files and "nobody enrolled" in said[-1]
    with pytest.raises(BundleError, match="nobody is enrolled"):
        load(bundle).verify(np.zeros((218, 178, 3), np.uint8))


def test_without_faces_parity_is_on_drawn_images(inputs: ExportRequest, tmp_path: Path) -> None:
    said: list[str] = []
    request = ExportRequest(inputs.run, tmp_path / "bare.facedge")
    bundle = export_bundle(request, say=said.append)
    assert "drawn images" in said[0] and "cohort.npy" not in bundle.files
    assert check_golden(bundle)


def test_the_same_request_gives_the_same_bytes(
    inputs: ExportRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    one = export_bundle(replace(inputs, output=tmp_path / "a" / "x.facedge"))
    two = export_bundle(replace(inputs, output=tmp_path / "b" / "x.facedge"))
    assert one.manifest.created == "2023-11-14T22:13:20Z"
    assert one.files == two.files and one.sha256 == two.sha256


def test_no_machine_path_in_any_file(enrolled: Path, inputs: ExportRequest) -> None:
    for path in enrolled.iterdir():
        assert str(inputs.run.parent).encode() not in path.read_bytes()


def test_a_head_needs_faces(inputs: ExportRequest, tmp_path: Path) -> None:
    request = replace(inputs, faces=None, output=tmp_path / "x.facedge")
    with pytest.raises(ExportError, match="give --faces FACES"):
        export_bundle(request)
    assert not list(tmp_path.iterdir())


def test_a_far_needs_a_head(inputs: ExportRequest, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no --head came"):
        export_bundle(replace(inputs, head=None, far=0.1, output=tmp_path / "x.facedge"))


def test_a_far_that_cannot_be_shown_is_refused(inputs: ExportRequest, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs at least 2995 impostor identities, but 40 identities came"):
        export_bundle(replace(inputs, far=1e-3, output=tmp_path / "x.facedge"))
    assert not list(tmp_path.iterdir())


def test_a_head_of_another_backbone_is_refused(inputs: ExportRequest, tmp_path: Path) -> None:
    other = write_backbone(tmp_path / "other", seed=5)
    with pytest.raises(ExportError, match="another backbone"):
        export_bundle(replace(inputs, run=other, output=tmp_path / "x.facedge"))
    assert not (tmp_path / "x.facedge").exists()


def test_swapped_run_folders_are_named(inputs: ExportRequest, tmp_path: Path) -> None:
    assert inputs.head is not None
    with pytest.raises(RunError, match="config of a backbone run, version 1, got 'head'"):
        export_bundle(replace(inputs, run=inputs.head, output=tmp_path / "x.facedge"))


def test_faces_with_other_attributes_are_refused(inputs: ExportRequest, tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces")
    info = json.loads((faces / "faces.json").read_text())
    info["attribute_names"][0] = "Else"
    (faces / "faces.json").write_text(json.dumps(info))
    with pytest.raises(ExportError, match="other attributes"):
        export_bundle(replace(inputs, faces=faces, output=tmp_path / "x.facedge"))


def test_faces_without_validation_are_refused(inputs: ExportRequest, tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces", people=(6, 0, 6))
    with pytest.raises(ExportError, match="no validation images"):
        export_bundle(replace(inputs, faces=faces, output=tmp_path / "x.facedge"))


def test_an_engine_that_differs_leaves_no_bundle(
    inputs: ExportRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity, "TOLERANCE", 1e-9)
    with pytest.raises(ExportError, match="disagree"):
        export_bundle(replace(inputs, output=tmp_path / "x.facedge"))
    assert not list(tmp_path.iterdir())


def test_an_interrupted_export_leaves_nothing_and_keeps_the_old_bundle(
    inputs: ExportRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x.facedge"
    old = export_bundle(replace(inputs, output=target)).sha256

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for place in ("calibrate", "write_bundle", "golden_files"):
        monkeypatch.setattr(export_module, place, interrupted)
        with pytest.raises(KeyboardInterrupt):
            export_bundle(replace(inputs, output=target, name="new"))
        monkeypatch.undo()
    monkeypatch.setattr("os.fsync", interrupted)  # in the middle of writing the files
    with pytest.raises(KeyboardInterrupt):
        export_bundle(replace(inputs, output=target, name="new"))
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["x.facedge"] and read_bundle(target).sha256 == old
