"""`facedge adopt` from the command line: a recogniser in, a bundle and the next step out, errors in one sentence."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")
from command_line import run
from export_runs import write_faces
from tiny_recogniser import SIZE, write_recogniser

from facedge.bundle import read_bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adopt")
    write_recogniser(folder / "tiny.onnx")
    write_faces(folder / "faces")
    (folder / "tiny.json").write_text(json.dumps({"size": SIZE}))
    return folder


def test_a_recogniser_becomes_a_bundle(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "strong.facedge"
    taken = ("--input", folder / "tiny.json", "--faces", folder / "faces")
    assert run("adopt", folder / "tiny.onnx", *taken, "-o", output, "--licence", "CC0") == 0
    out, err = capsys.readouterr()
    assert out == "" and "warning" not in err
    assert f"next: facedge enroll NAME --from PHOTOS -b {output}" in err
    assert read_bundle(output).manifest.metrics["adopted"]["licence"] == "CC0"
    assert run("bundle", "check", output) == 0
    assert run("bundle", "show", output) == 0
    shown = capsys.readouterr().out
    assert "Adopted recogniser" in shown and "tiny.onnx" in shown and "CC0" in shown
    assert run("adopt", folder / "tiny.onnx", *taken, "-o", tmp_path / "x.facedge") == 0
    assert "records no licence of the recogniser: give it with --licence" in capsys.readouterr().err


def test_errors_are_one_sentence_and_exit_2(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, faces = tmp_path / "x.facedge", folder / "faces"
    assert run("adopt", folder / "tiny.onnx", "--faces", faces, "-o", output) == 2
    assert run("adopt", folder / "tiny.onnx", "--faces", faces, "--input", "facenet", "-o", output) == 2
    assert run("adopt", folder / "none.onnx", "--faces", faces, "-o", output) == 2
    assert run("adopt", folder / "tiny.onnx", "--faces", faces, "-o", tmp_path / "x.onnx") == 2
    assert run("adopt", folder / "tiny.onnx", "-o", output) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("facedge: error: ")]
    wanted = ("--input FILE.json", "expected --input", "there is no file", "ends in .facedge", "--faces")
    assert len(errors) == 5 and all(part in line for part, line in zip(wanted, errors, strict=True))
    assert not list(tmp_path.iterdir())
