"""`facedge bundle convert`: what it prints, and its exit codes."""

from pathlib import Path

import pytest

pytest.importorskip("onnx")

from command_line import run
from tiny_bundle import write_tiny

from facedge.bundle import read_bundle
from facedge.bundle.resolve import bundle_of


def test_a_person_by_name_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    path = write_tiny(bundle_of("ana")).path
    assert run("bundle", "convert", "ana") == 0
    printed = capsys.readouterr()
    assert printed.out == "" and f"{path}: verifier.onnx (fp32, " in printed.err and "made and checked" in printed.err
    assert "verifier.onnx" in read_bundle(path).files
    assert run("bundle", "convert", "ana") == 0
    assert "was up to date" in capsys.readouterr().err
    assert [entry.name for entry in path.parent.iterdir()] == ["ana.facedge"]


def test_to_another_name(tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bundle", "convert", tiny_bundle, "-o", tmp_path / "new.facedge") == 0
    assert "verifier.onnx" in read_bundle(tmp_path / "new.facedge").files
    assert "verifier.onnx" not in read_bundle(tiny_bundle).files
    assert run("bundle", "convert", tiny_bundle, "-o", tmp_path / "new.facedge") == 2
    assert "exists: choose another name" in capsys.readouterr().err


def test_no_bundle_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bundle", "convert", tmp_path / "nowhere" / "none.facedge") == 2
    assert "expected a bundle directory" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
