"""`facedge bundle show` and `check`."""

import json
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from command_line import run
from tiny_bundle import write_tiny


def test_show_is_a_card(tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bundle", "show", tiny_bundle) == 0
    card = capsys.readouterr().out
    for text in (
        "one person", "scores of 0.5000 and above", "1 % asked; 0.10 to 2.0 % with 95 % confidence",
        "1,000 impostors, 5,000 comparisons", "--far 0.003", "misses 20.0 % of me", "none needed", "backbone.onnx",
    ):  # fmt: skip
        assert text in card
    assert max(len(line) for line in card.splitlines()) <= 120


def test_show_a_template(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tiny(tmp_path / "t.facedge", enrolled=False, threshold=None, calibration=None)
    assert run("bundle", "show", tmp_path / "t.facedge") == 0
    assert "nobody yet (a template: run facedge enroll)" in capsys.readouterr().out


def test_show_json_is_the_manifest(tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bundle", "show", tiny_bundle, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert len(shown.pop("sha256")) == 64
    assert shown == json.loads((tiny_bundle / "manifest.json").read_text())


def test_check_prints_ok_line_by_line(tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bundle", "check", tiny_bundle) == 0
    assert all(line.startswith("ok     ") for line in capsys.readouterr().out.splitlines())


def test_check_names_everything_that_is_wrong(tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tiny_bundle / "head.onnx").write_bytes(b"x")
    (tiny_bundle / "more.txt").write_bytes(b"x")
    assert run("bundle", "check", tiny_bundle, "--json") == 1
    findings = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [finding["what"] for finding in findings if not finding["ok"]] == ["listing", "head.onnx"]


def test_no_bundle_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bundle", "show", tmp_path / "x.facedge") == 2
    assert "expected a bundle directory (NAME.facedge), got nothing there" in capsys.readouterr().err
    assert run("bundle", "check", tmp_path / "x.facedge") == 1
