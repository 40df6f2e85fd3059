"""`facedge demo`: from drawn photos to decisions and a report, in one small run."""

import json
from pathlib import Path

import pytest

from facedge.cli import main


@pytest.mark.slow
def test_the_demo_runs_from_photos_to_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["demo", "-o", str(tmp_path / "demo"), "--identities", "300", "--shots", "2", "--epochs", "2"])
    captured = capsys.readouterr()
    assert stop.value.code == 0, captured.err
    rows = {line[:20].strip(): line[20:].split() for line in captured.out.splitlines()}
    assert {"attribute accuracy", "majority guess", "FAR of the head", "FRR of the head", "parity"} <= rows.keys()
    assert float(rows["parity"][0]) < 1e-4
    assert "$ facedge train backbone" in captured.err
    assert captured.err.count(" of 100 photos accepted") == 2
    assert "the error rates of a toy" in captured.err
    assert (tmp_path / "demo/report/report.html").stat().st_size > 10_000
    assert json.loads((tmp_path / "demo/report/report.json").read_text())["attributes"]["mean_accuracy"] > 0.6


def test_an_interrupted_command_ends_the_demo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("facedge.train.backbone.train_backbone", interrupted)
    with pytest.raises(SystemExit) as stop:
        main(["demo", "-o", str(tmp_path / "demo"), "--identities", "300", "--shots", "2", "--epochs", "1"])
    assert stop.value.code == 130
    assert "$ facedge train head" not in capsys.readouterr().err


def test_the_demo_does_not_write_into_a_folder_in_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SystemExit) as stop:
        main(["demo", "-o", str(tmp_path)])
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert "is not empty" in message
    assert (
        "-o" in message and "DEMO=" in message and "earlier demo" in message
    )  # what to do, for both who type and make


def test_without_torch_the_demo_names_the_pip_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facedge.cli._console.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stop:
        main(["demo", "-o", str(tmp_path / "demo")])
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert message.endswith("needs torch: pip install 'facedge[train]'\n") and message.count("\n") == 1
    assert not (tmp_path / "demo").exists()
