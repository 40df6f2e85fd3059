"""A training run is evaluated as a bundle is; without torch the error names what to install."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training runs need the train extra")
pytest.importorskip("onnx", reason="the helpers of export's tests need the train extra")

from export_runs import NAMES, write_backbone, write_faces
from tiny_bundle import write_tiny

from facedge.dataset.prepared import Faces
from facedge.errors import FacedgeError, InputError
from facedge.metrics.intervals import Bootstrap
from facedge.report.evaluate import Settings, evaluate
from facedge.report.model import open_model
from facedge.train.run_folder import weights_sha256


@pytest.mark.slow
def test_a_run_is_evaluated_with_its_weights(tmp_path: Path) -> None:
    run = write_backbone(tmp_path / "run")
    faces = Faces.open(write_faces(tmp_path / "faces", people=(4, 4, 12), each=3))
    record = evaluate(open_model(run), faces, Settings(bootstrap=Bootstrap(20)))
    assert record["bundle"]["kind"] == "run"
    assert record["bundle"]["name"] == "run"
    assert record["bundle"]["sha256"] == weights_sha256(run)
    assert record["bundle"]["trained_on"]["licence"] == "free"
    assert tuple(record["attributes"]["per_attribute"]) == NAMES
    assert (record["verification"]["identities"], record["verification"]["genuine"]) == (12, 36)


def test_without_torch_the_error_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_backbone(tmp_path / "run")
    monkeypatch.setitem(sys.modules, "facedge.train.run_folder", None)
    with pytest.raises(InputError, match=r"pip install 'facedge\[train\]'"):
        open_model(run)


def test_a_run_without_weights_is_refused(tmp_path: Path) -> None:
    run = write_backbone(tmp_path / "run")
    (run / "weights.safetensors").unlink()
    with pytest.raises(InputError, match="first epoch"):
        open_model(run)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a bundle"):
        open_model(tmp_path)


def test_a_damaged_bundle_is_refused(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "tiny.facedge").path
    data = bytearray((path / "backbone.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (path / "backbone.onnx").write_bytes(data)
    with pytest.raises(FacedgeError, match="damaged"):
        open_model(path)
