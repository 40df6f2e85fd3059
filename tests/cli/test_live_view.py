"""The live view in a terminal, as text."""

import io
from collections import deque

from rich.console import Console

from facedge.cli._camera_views import WIDTH, panel, spark
from facedge.live.watcher import View
from facedge.runtime.decision import Decision


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


def test_a_full_view_fits_without_a_line_that_wraps() -> None:
    ms = {"detect": 1.5, "align": 0.66, "preprocess": 0.031, "infer": 1.2}
    decision = Decision(False, 0.63, 0.9, "below_threshold", ms=ms)
    view = View("face", decision, 0.63, False, deque([0.6] * 60, maxlen=60), frames=100_000, skipped=10_000)
    lines = drawn(view).strip().splitlines()
    assert len(lines) == 7
    assert spark([0.6] * WIDTH) in lines[3]
    assert spark([0.6] * (WIDTH + 1)) not in lines[3]


def test_the_history_has_a_block_for_every_score() -> None:
    assert spark([]) == "-"
    assert spark([0.0, 0.5, 1.0]) == "▁▅█"
