"""`facedge compare A.jpg B.jpg`: one line and an exit code."""

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from command_line import Stdin, run
from live_bundle import picture, write_template
from PIL import Image


@pytest.fixture(autouse=True)
def own_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FACEDGE_BUNDLE", "FACEDGE_FAR", "FACEDGE_FACES", "FACEDGE_THREADS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A bundle with a cohort, and photos beside it: a and b of one person, c of another, and a dark one."""
    for name, person, take in (("a", 0, 0), ("b", 0, 1), ("c", 5, 0)):
        Image.fromarray(picture(person, take)).save(tmp_path / f"{name}.png")
    Image.new("RGB", (178, 218)).save(tmp_path / "dark.png")
    return write_template(tmp_path / "base.facedge").path


@pytest.mark.parametrize(
    ("second", "code", "line"),
    [("b", 0, "same person  score 0."), ("c", 1, "not the same person  score 0."), ("dark", 1, "undecided  ")],
)
def test_one_line_and_the_exit_code(
    base: Path, capsys: pytest.CaptureFixture[str], second: str, code: int, line: str
) -> None:
    assert run("compare", base.parent / "a.png", base.parent / f"{second}.png", "-b", base) == code
    shown = capsys.readouterr()
    assert shown.out.startswith(line)
    assert shown.out.count("\n") == 1
    assert ("dark.png: too flat or dark" in shown.out) == (second == "dark")
    assert shown.err == ""


def test_json(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = base.parent / "a.png", base.parent / "b.png"
    assert run("compare", first, second, "-b", base, "--far", "0.01", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["photos"] == [str(first), str(second)]
    assert (found["decision"], found["reason"], found["unusable"]) == ("accept", None, None)
    assert found["far"]["target"] == 0.01
    assert found["score"] >= found["threshold"]
    assert run("compare", base.parent / "dark.png", second, "-b", base, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["decision"], found["reason"], found["score"]) == ("reject", "low_quality", None)
    assert found["unusable"] == str(base.parent / "dark.png")


def test_errors_are_one_sentence(base: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = base.parent / "a.png"
    for args in ((photo, "nowhere.png", "-b", base), (photo, photo, "-b", base, "--far", "1e-7"),
                 (photo, photo, "-b", tiny_bundle)):  # fmt: skip
        assert run("compare", *args) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.startswith("facedge: error: ")
        assert shown.err.count("\n") == 1


def test_one_photo_comes_from_stdin(
    base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, photo = (base.parent / "b.png").read_bytes(), base.parent / "a.png"
    for args in (("-", photo), (photo, "-")):
        monkeypatch.setattr(sys, "stdin", Stdin(data))
        assert run("compare", *args, "-b", base, "--json") == 0
        assert json.loads(capsys.readouterr().out)["photos"] == [str(arg) for arg in args]
    for stdin, args, sentence in (
        (Stdin(data), ("-", "-"), "expected - once"),
        (Stdin(b""), ("-", photo), "on stdin, got nothing"),
        (Stdin(data, terminal=True), (photo, "-"), "stdin, which is a terminal"),
        (Stdin(data), (photo, ""), "got an empty value"),
    ):
        monkeypatch.setattr(sys, "stdin", stdin)
        assert run("compare", *args, "-b", base) == 2
        assert sentence in capsys.readouterr().err
