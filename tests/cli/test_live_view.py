"""The live view in a terminal, as text."""

import io
from collections import deque

from rich.console import Console

from facedge.cli._live import panel, spark
from facedge.runtime.decision import Decision
from facedge.runtime.live.watcher import View


def drawn(view: View) -> str:
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    console.print(panel(view, 0.9, 12.5))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_before_the_first_frame() -> None:
    text = drawn(View(state=""))
    assert "starting" in text
    assert "no frame yet" in text


def test_score_threshold_history_and_stages() -> None:
    ms = {"decode": 0.0, "detect": 2.0, "align": 0.5, "preprocess": 0.1, "infer": 4.0}
    decision = Decision(True, 0.97, 0.9, None, ms=ms)
    text = drawn(View("face", decision, 0.97, True, deque([0.1, 0.5, 0.97]), frames=3, skipped=2))
    assert "accepted" in text
    assert "0.9700" in text
    assert "threshold  0.9000" in text
    assert "12.5 frames/s, 2 skipped" in text
    assert "detect 500" in text
    assert "┃" in text
    assert spark([0.1, 0.5, 0.97]) in text


def test_the_history_has_a_block_for_every_score() -> None:
    assert spark([]) == "-"
    assert spark([0.0, 0.5, 1.0]) == "▁▅█"
