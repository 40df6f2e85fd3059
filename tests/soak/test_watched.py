"""The soak test's judge: which events are wrong."""

from pathlib import Path
from typing import Any

import pytest
from control import BUCKETS, Control, Fault, Scene, percentile
from watched import Judge


@pytest.fixture
def judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    monkeypatch.setattr("watched.SETTLES", -1.0)
    return Judge(Control(tmp_path / "control"))


def told(judge: Judge, *kinds: str) -> list[str]:
    """What is wrong after events of these kinds."""
    for kind in kinds:
        judge.event({"event": kind})
    return [text.partition(":")[0] for text in judge.wrong]


def test_a_good_course_of_events(judge: Judge) -> None:
    assert told(judge, "started", "accept", *["reject"] * 5, "locked", "unlocked", "accept") == []
    judge.change(Fault.HANGS)
    assert told(judge, "lost", "waiting", "back", "accept", "ended") == []


@pytest.mark.parametrize(
    ("kinds", "wrong"),
    [
        (["lost"], "lost without a fault"),
        (["waiting", "accept"], "accept while the camera was lost or attempts were locked"),
        ([*["reject"] * 5, "locked", "accept"], "accept while the camera was lost or attempts were locked"),
        ([*["reject"] * 5, "locked", "reject"], "reject while the camera was lost or attempts were locked"),
        ([*["reject"] * 3, "accept", *["reject"] * 2, "locked"], "locked after 2 failed attempts"),
    ],
)
def test_wrong_events(judge: Judge, kinds: list[str], wrong: str) -> None:
    assert told(judge, *kinds) == [wrong]


def test_the_numbers_are_shared_and_counted(tmp_path: Path) -> None:
    one, other = Control(tmp_path / "control"), Control(tmp_path / "control")
    one.scene, one.fault, one.clock_offset, one.wrong_accepts = Scene.MANY, Fault.SAME, -86_400, 1
    assert (other.scene, other.fault, other.clock_offset) == (Scene.MANY, Fault.SAME, -86_400)
    other.wrong_accepts += 1
    assert one.wrong_accepts == 2
    for milliseconds in (0.1, 1.9, 1.9, 1e9):
        other.count(milliseconds)
    counts: Any = one.latencies()
    assert counts.shape == (BUCKETS,)
    assert counts.sum() == 4
    assert percentile(counts, 0.5) == 2.0
