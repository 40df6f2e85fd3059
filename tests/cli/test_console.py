"""Nothing that a file name or a manifest holds forges a line, drives a terminal, or breaks the output's encoding."""

import io
import json
import sys
from typing import Any

import pytest

from facedge.cli import _console
from facedge.formatting import printable

HOSTILE = "a\naccept  0.9999  b\x1b[31m\x9b31m\u202e\r\u2028\udcff\ud800.png"
SAFE = r"a\naccept  0.9999  b\x1b[31m\x9b31m\u202e\r\u2028\xff\ud800.png"


@pytest.fixture(autouse=True)
def normal_verbosity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_console, "_level", 0)


def test_printable() -> None:
    assert printable(HOSTILE) == SAFE
    assert printable("é 日本 अनीता o\u200cp") == "é 日本 अनीता o\u200cp"
    assert printable("a\nb\x00", keep="\n") == "a\nb\\x00"


@pytest.mark.parametrize("put", [_console.say, _console.warn, _console.error])
def test_messages_are_one_printable_line(put: Any, capsys: pytest.CaptureFixture[str]) -> None:
    put(HOSTILE)
    shown = capsys.readouterr().err
    assert shown.endswith(SAFE + "\n") and shown[:-1].isprintable()


def test_styled_text_is_printable() -> None:
    assert _console.styled(HOSTILE, "bold") == SAFE


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_styles_are_for_terminals_that_show_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert _console.styled("x", "bold") == "\x1b[1mx\x1b[0m"
    monkeypatch.setenv("TERM", "dumb")
    assert _console.styled("x", "bold") == "x"
    monkeypatch.setattr(sys, "stdout", None)
    assert _console.styled("x", "bold") == "x"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_json_is_utf8_and_one_line_in_every_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    _console.prepare_streams()
    _console.emit_json({"probe": HOSTILE + "é日", "n": 1})
    (line,) = raw.getvalue().decode("utf-8").splitlines()
    assert line.isprintable()
    assert json.loads(line) == {"probe": HOSTILE.replace("\udcff\ud800", r"\xff\ud800") + "é日", "n": 1}


def test_text_that_the_encoding_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp1252"))
    _console.prepare_streams()
    print("é · 日", flush=True)
    assert raw.getvalue() == b"\xe9 \xb7 \\u65e5\n"


def test_a_closed_stderr_does_not_send_messages_to_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    _console.error("x")
    assert capsys.readouterr().out == ""
