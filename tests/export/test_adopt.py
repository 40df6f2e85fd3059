"""A tiny recogniser and drawn faces -> a bundle that everything reads, or one sentence and nothing on the disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")
import torch
from export_runs import NAMES, write_faces
from tiny_recogniser import EMBEDDING, SIZE, write_recogniser

import facedge
from facedge.bundle import read_bundle
from facedge.bundle.card import describe
from facedge.bundle.cohort import read_cohort
from facedge.bundle.onnx_file import inspect_graph
from facedge.dataset.prepared import UNKNOWN_ATTRIBUTE, Faces
from facedge.errors import DatasetError, ExportError, InputError
from facedge.export import adopt as adopt_module
from facedge.export.adopt import AdoptRequest, adopt
from facedge.export.recogniser import AttributeLayer, FeatureMap
from facedge.preprocessing import preprocess
from facedge.runtime.check import check_bundle
from facedge.runtime.verifier import load
from facedge.train.logistic_regression import Examples, Logistic
from facedge.train.recogniser import Recogniser, open_recogniser, read_input

LICENCE = "CC0, made of random numbers"


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> AdoptRequest:
    folder = tmp_path_factory.mktemp("adopt")
    convention = folder / "tiny.json"
    convention.write_text(f'{{"size": {SIZE}, "mean": 0, "scale": 255}}')
    return AdoptRequest(
        write_recogniser(folder / "tiny.onnx"),
        folder / "strong.facedge",
        write_faces(folder / "faces"),
        input=str(convention),
        licence=LICENCE,
    )


@pytest.fixture(scope="module")
def adopted(request_: AdoptRequest) -> Path:
    said: list[str] = []
    path = adopt(request_, say=said.append).path
    assert "tiny.onnx" in said[0] and "majority guess" in said[-1] and "nobody enrolled" in said[-1]
    return path


def test_it_keeps_the_format(adopted: Path) -> None:
    assert [finding for finding in check_bundle(adopted) if not finding.ok] == []
    bundle = read_bundle(adopted)
    assert {"backbone.onnx", "verifier.onnx", "cohort.npy", "golden.json", "card.md"} <= set(bundle.files)


def test_it_gives_the_embeddings_of_the_recogniser(adopted: Path, request_: AdoptRequest) -> None:
    images = np.ascontiguousarray(Faces.open(request_.faces).images[:9])
    recogniser = open_recogniser(request_.recogniser, read_input(request_.input))
    expected = recogniser.reference(preprocess(images, recogniser.convention.spec))
    assert np.abs(load(adopted).embed(images) - expected).max() < 1e-6


def test_its_manifest_says_where_it_comes_from(adopted: Path, request_: AdoptRequest) -> None:
    bundle = read_bundle(adopted)
    m = bundle.manifest
    assert (m.name, m.enrolled, m.embedding_size, m.attribute_names) == ("strong", False, EMBEDDING, NAMES)
    assert m.preprocess_spec() == read_input(request_.input).spec and m.spec["size"] == SIZE
    found = m.metrics["adopted"]
    assert (found["recogniser"], found["licence"]) == ("tiny.onnx", LICENCE) and len(found["sha256"]) == 64
    assert found["input"]["scale"] == 255
    assert found["feature_maps"] == [[8, 8]]
    assert LICENCE in m.data.licence and "free" in m.data.licence and "tiny.onnx" in m.data.name
    assert set(m.parity) == {"embedding", "attributes", "verifier"}
    assert LICENCE in inspect_graph("verifier.onnx", bundle.files["verifier.onnx"]).properties["facedge.licence"]
    card = bundle.files["card.md"].decode()
    assert "a linear layer on it and on 1 feature map, fitted" in card
    assert "tiny.onnx" in card and found["sha256"] in card and LICENCE in card
    sections = dict(describe(bundle))
    assert ("recogniser", "tiny.onnx") in sections["Adopted recogniser"]


def test_without_a_licence_it_is_said_to_be_unknown(request_: AdoptRequest, tmp_path: Path) -> None:
    bundle = adopt(replace(request_, licence=None, output=tmp_path / "x.facedge", name="X", usage="tests only"))
    assert "not stated" in bundle.manifest.data.licence and "not stated" in bundle.files["card.md"].decode()
    assert (bundle.manifest.name, bundle.manifest.usage) == ("X", "tests only")


def test_the_cohort_is_the_validation_people(adopted: Path, request_: AdoptRequest) -> None:
    found = read_cohort(read_bundle(adopted).files)
    assert found is not None and found[0].shape == (80, EMBEDDING) and len(set(found[1].tolist())) == 40
    faces = Faces.open(request_.faces)
    rows = faces.indices("validation")
    assert np.abs(found[0] - load(adopted).embed(np.ascontiguousarray(faces.images[rows]))).max() < 1e-6


def test_a_person_is_enrolled_and_verified_with_it(adopted: Path, request_: AdoptRequest, tmp_path: Path) -> None:
    """The last two images are of one person of the test partition, the cohort's of 40 people of the validation."""
    faces = Faces.open(request_.faces)
    mine, others = faces.images[-2:], faces.images[faces.indices("validation")]
    made = facedge.enroll(list(mine), bundle=adopted, far=0.1).save(tmp_path / "me.facedge")
    assert made.path is not None and [finding for finding in check_bundle(made.path) if not finding.ok] == []
    verifier = facedge.load(made.path)
    assert all(verifier.verify(np.asarray(photo), aligned=True).accepted for photo in mine)
    scores = verifier.score(verifier.embed(np.ascontiguousarray(others)))
    assert np.mean(scores >= verifier.threshold) <= 0.15  # a FAR of 0.1 asked, of drawn faces and random weights


def test_the_same_request_gives_the_same_bytes(
    request_: AdoptRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    one, two = (adopt(replace(request_, output=tmp_path / folder / "x.facedge")) for folder in "ab")
    assert one.files == two.files and one.sha256 == two.sha256


def test_int8_goes_through_the_gate(request_: AdoptRequest, tmp_path: Path) -> None:
    said: list[str] = []
    bundle = adopt(replace(request_, output=tmp_path / "x.facedge", int8=True), say=said.append)
    assert any("its gate" in line for line in said)
    shipped = bundle.manifest.metrics["int8"]["shipped"]
    assert shipped == ("backbone.int8.onnx" in bundle.files) == (bundle.manifest.precision == "int8")


def test_another_result_than_the_files_own_stops_it(
    request_: AdoptRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = adopt_module.backbone_of

    def shifted(recogniser: Recogniser, maps: list[FeatureMap], layer: AttributeLayer | None = None) -> bytes:
        return real(recogniser, maps, layer and layer._replace(bias=layer.bias + 0.01))

    monkeypatch.setattr(adopt_module, "backbone_of", shifted)
    with pytest.raises(ExportError, match=r"backbone.onnx and tiny.onnx disagree: attributes by"):
        adopt(replace(request_, output=tmp_path / "x.facedge"))
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_named_before_anything_is_computed(request_: AdoptRequest, tmp_path: Path) -> None:
    output = tmp_path / "x.facedge"
    with pytest.raises(ExportError, match="there is no file"):
        adopt(replace(request_, recogniser=tmp_path / "no.onnx", output=output))
    with pytest.raises(InputError, match="expected --input"):
        adopt(replace(request_, input="no", output=output))
    with pytest.raises(ExportError, match=r"\(N, 3, 112, 112\)"):
        adopt(replace(request_, input="arcface", output=output))
    with pytest.raises(DatasetError, match="facedge prepare"):
        adopt(replace(request_, faces=tmp_path / "no", output=output))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("people", "lacks"), [((0, 8, 2), "no train images"), ((8, 0, 2), "no validation images")])
def test_faces_of_one_side_only_are_refused(
    request_: AdoptRequest, tmp_path: Path, people: tuple[int, int, int], lacks: str
) -> None:
    faces = write_faces(tmp_path / "faces", people)
    with pytest.raises(ExportError, match=lacks):
        adopt(replace(request_, faces=faces, output=tmp_path / "x.facedge"))


def with_labels(folder: Path, *, known: int) -> Path:
    """Drawn faces of which only the first `known` train images have attributes."""
    faces = write_faces(folder)
    labels = np.load(faces / "attributes.npy")
    labels[known:12] = UNKNOWN_ATTRIBUTE
    np.save(faces / "attributes.npy", labels)
    return faces


def test_images_without_labels_take_no_part_in_the_fit(
    request_: AdoptRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[torch.Tensor] = []
    real = adopt_module.fit_logistic

    def spied(train: Examples, validation: Examples) -> Logistic:
        fitted.append(train.labels)
        return real(train, validation)

    monkeypatch.setattr(adopt_module, "fit_logistic", spied)
    faces = with_labels(tmp_path / "faces", known=8)
    adopt(replace(request_, faces=faces, output=tmp_path / "x.facedge"))
    assert fitted[0].shape == (8, len(NAMES)) and fitted[0].max() == 1
    with pytest.raises(ExportError, match="no train images with attributes"):
        adopt(replace(request_, faces=with_labels(tmp_path / "none", known=0), output=tmp_path / "y.facedge"))
