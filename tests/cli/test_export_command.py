"""`facedge export` from the command line: files in, exit code and one sentence out."""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
from command_line import run
from export_runs import write_backbone, write_faces, write_head

from facedge.bundle import read_bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    write_head(folder / "head", write_backbone(folder / "run"))
    write_faces(folder / "faces")
    return folder


def test_export_with_head_and_faces(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "ana.facedge"
    code = run("export", folder / "run", "--head", folder / "head", "--faces", folder / "faces", "-o", output)
    out, err = capsys.readouterr()
    assert code == 0 and out == ""
    assert "threshold" in err and "FAR 0.1" in err and "parity" in err
    assert read_bundle(output).manifest.enrolled


def test_errors_are_one_sentence_and_exit_2(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", folder / "run", "--head", folder / "head", "-o", tmp_path / "x.facedge") == 2
    assert run("export", folder / "nowhere", "-o", tmp_path / "x.facedge") == 2
    assert run("export", folder / "run", "-o", tmp_path / "x.onnx") == 2
    lines = capsys.readouterr().err.splitlines()
    errors = [line for line in lines if line.startswith("facedge: error: ")]
    assert len(errors) == 3 and not any("Traceback" in line for line in lines)
    assert "give --faces" in errors[0] and "has no config.json" in errors[1] and "ends in .facedge" in errors[2]
    assert not list(tmp_path.iterdir())


def test_an_embedding_that_nothing_trained_is_not_exported(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_folder = Path(shutil.copytree(folder / "run", tmp_path / "run"))
    config = json.loads((run_folder / "config.json").read_text())
    config["data"]["identities"] = 0
    (run_folder / "config.json").write_text(json.dumps(config))
    assert run("export", run_folder, "-o", tmp_path / "x.facedge") == 2
    err = capsys.readouterr().err
    assert "was trained without identities and without a teacher, so its embedding is random" in err
    assert not (tmp_path / "x.facedge").exists()
