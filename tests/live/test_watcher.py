"""Frame after frame before a scripted camera: which events come, and when."""

import json
import shutil
import threading
import time
from functools import cache
from pathlib import Path
from types import SimpleNamespace, TracebackType

import numpy as np
import pytest
from drawn_turn import turned_crop

from facedge.bundle import Calibration, read_bundle
from facedge.camera.source import CameraEvent, Frame
from facedge.errors import CameraError
from facedge.faces.options import FaceOptions
from facedge.live import watcher as module
from facedge.live.events import Event
from facedge.live.fusion import FusionRule
from facedge.live.lockout import Lockout
from facedge.live.same_face import Box
from facedge.live.watcher import Watcher, bundle_change, watch
from facedge.runtime.decision import Decision, FarEvidence

BOX = (100.0, 100.0, 200.0, 220.0)
SHARP = np.random.default_rng(0).integers(30, 220, (218, 178, 3), np.uint8)


PEOPLE = np.eye(3, dtype=np.float32)  # embeddings of three people
CALIBRATION = Calibration(0.001, 0.0005, 0.002, 200, 19_900, "cohort")


def points(yaw: float) -> tuple[tuple[float, float], ...]:
    """A face 40 pixels between the eyes, turned to that yaw."""
    return ((-20, 0), (20, 0), (40 * yaw, 20), (-16, 40), (16, 40))


@cache
def turned(yaw: float) -> np.ndarray:
    """The aligned crop of a face turned to that yaw, sharp enough to count."""
    return np.repeat(np.repeat(turned_crop(yaw)[:, :, None], 2, 0), 2, 1).repeat(3, 2)


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is seen is what the frame's number says in the script that the test put into `SCRIPT`."""

    class NumberTracker:
        def __init__(self, _options: object, **_more: object) -> None: ...

        def locate(self, image: np.ndarray) -> int:
            return int(image[0, 0, 0])

        def forget(self) -> None: ...

    monkeypatch.setattr(module, "Tracker", NumberTracker)
    monkeypatch.setattr(module, "embed_crop", lambda _embedder, number: SCRIPT[number])


SCRIPT: dict[int, SimpleNamespace] = {}


def shows(what: float | str | None, yaw: float = 0.0, person: int = 0, box: Box = BOX) -> SimpleNamespace:
    """What a frame shows: the face of a person with a score, or why there is none."""
    if isinstance(what, float):
        located = SimpleNamespace(crop=turned(yaw), box=box, landmarks=points(yaw))
        return SimpleNamespace(located=located, reason=None, score=what, embedding=PEOPLE[person])
    crop = {"dark": SHARP // 20, "blurred": np.linspace(30, 200, 178).astype(np.uint8)[None, :].repeat(218, 0)}
    found = crop.get(str(what))
    located = SimpleNamespace(crop=found, box=BOX if found is not None else None, landmarks=None)
    reason = "low_quality" if found is not None else what
    return SimpleNamespace(located=located, reason=reason, score=None, embedding=None)


class StubVerifier:
    embedder, options, threshold = None, FaceOptions(), 0.9
    bundle = SimpleNamespace(files={}, manifest=SimpleNamespace(calibration=CALIBRATION))

    def decide(self, seen: SimpleNamespace) -> Decision:
        accepted = seen.score is not None and seen.score >= self.threshold
        located = seen.located
        reason = None if accepted else seen.reason or "below_threshold"
        far = FarEvidence(0.001, 0.002)
        return Decision(accepted, seen.score, 0.9, reason, located.box, located.landmarks, far=far)


def play(looks: list[SimpleNamespace], rate: float = 10.0, **options: object) -> list[Event]:
    SCRIPT.clear()
    found: list[Event] = []
    watcher = Watcher(StubVerifier(), rule=FusionRule(3, 8), **options)  # type: ignore[arg-type]
    for number, seen in enumerate(looks):
        SCRIPT[number % 250] = seen
        image = np.full((2, 2, 3), number % 250, np.uint8)
        found += watcher.step(Frame(image, number, number / rate))
    return found


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events if event.kind != "state"]


def test_the_person_is_accepted_once_while_she_stays() -> None:
    events = play([shows(0.99)] * 20)
    assert kinds(events) == ["accept"]
    accept = next(event for event in events if event.kind == "accept")
    assert accept.frame == 2
    assert json.loads(json.dumps(accept.to_record()))["score"] == pytest.approx(0.99)


def test_another_person_is_rejected_and_may_try_again() -> None:
    assert kinds(play([shows(0.1)] * 16)) == ["reject", "reject"]


def test_somebody_else_who_steps_in_is_not_accepted() -> None:
    events = play([shows(0.99)] * 3 + [shows(0.01)] * 20)
    assert kinds(events)[:2] == ["accept", "reject"]


def test_leaving_early_is_a_failed_attempt() -> None:
    events = play([shows(0.1)] * 4 + [shows("no_face")] * 15)
    assert [(e.kind, e.reason) for e in events if e.kind == "reject"] == [("reject", "left")]


@pytest.mark.parametrize("state", ["no_face", "many_faces", "dark", "blurred"])
def test_each_state_is_told_once_and_never_accepted(state: str) -> None:
    events = play([shows(state)] * 30)
    assert [(event.kind, event.reason) for event in events] == [("state", state)]
    assert events[0].message


def test_five_failures_lock_and_the_lock_ends() -> None:
    events = play([shows(0.1)] * 40 + [shows(0.99)] * 400)
    assert kinds(events) == ["reject"] * 5 + ["locked", "unlocked", "accept"]
    locked, unlocked = (next(e for e in events if e.kind == kind) for kind in ("locked", "unlocked"))
    assert unlocked.seconds - locked.seconds == pytest.approx(30, abs=0.2)


def test_a_lock_from_before_holds() -> None:
    lock = Lockout()
    for _ in range(5):
        lock.fail(0.0)
    events = play([shows(0.99)] * 10, lockout=lock, now=lambda: 10.0)
    assert [(event.kind, event.message) for event in events] == [("locked", "5 failed attempts: locked for 20 s more")]


def test_an_attempt_interrupted_by_the_lock_of_another_process_is_no_failure() -> None:
    class LockedMeanwhile(Lockout):
        asked = 0

        def remaining(self, now: float) -> float:
            self.asked += 1
            return 5.0 if 4 < self.asked <= 14 else 0.0

    lock = LockedMeanwhile()
    events = play([shows(0.1)] * 14 + [shows("no_face")] * 15, lockout=lock)
    assert [kind for kind in kinds(events) if kind != "state"] == ["locked", "unlocked"]
    assert lock.failures == 0


def turn(side: int = 1, most: float = 0.4, person: int = 0) -> list[SimpleNamespace]:
    """A turn of the head and back in steps of 0.1 eye distances."""
    out = [0.1 * k for k in range(round(most * 10) + 1)]
    return [shows(0.5, side * yaw, person) for yaw in [*out, *out[-2::-1]]]


def test_a_challenge_that_is_met() -> None:
    events = play([shows(0.99)] * 3 + turn() + [shows(0.99)] * 3, challenge=True, choose=lambda: "left")
    assert kinds(events) == ["challenge", "accept"]
    right = play([shows(0.99)] * 3 + turn(-1) + [shows(0.99)] * 3, challenge=True, choose=lambda: "right")
    assert kinds(right) == ["challenge", "accept"]


def rejected(frames: list[SimpleNamespace]) -> list[str]:
    """Reason and message of the rejects of a challenge to the left after three accepted frames."""
    events = play([shows(0.99)] * 3 + frames, challenge=True, choose=lambda: "left")
    assert "accept" not in kinds(events)
    return [f"{event.reason}: {event.message}" for event in events if event.kind == "reject"]


def test_a_challenge_that_is_not_met() -> None:
    assert rejected([shows(0.99)] * 90) == ["challenge: no turn and back within 8 s"]
    assert rejected(turn(-1))[0] == "challenge: the head turned to the other side"
    assert rejected([shows(0.99, 0.0), *[shows(0.99, 0.35)] * 8])[0] == "challenge: the head turned too fast, or jumped"


def test_somebody_else_does_the_turning() -> None:
    assert rejected(turn(person=1) * 2)[0] == "challenge: the face changed"


def test_one_frame_after_the_turn_does_not_decide() -> None:
    assert kinds(play([shows(0.99)] * 3 + turn(), challenge=True, choose=lambda: "left")) == ["challenge"]
    assert rejected([*turn(), *[shows(0.1)] * 9]) == ["below_threshold: "]
    assert rejected([*turn(), *[shows(0.99, person=1)] * 9])[0].startswith("replaced")


def test_a_frame_of_another_face_after_the_turn_does_not_count_and_more_of_them_end_it() -> None:
    """Of genuine turns 4 in 60 ended so: the last frames of a turn may be taken for another face."""
    after = [shows(0.99), *[shows(0.99, person=1)] * 2, shows(0.99), shows(0.99)]
    events = play([shows(0.99)] * 3 + turn() + after, challenge=True, choose=lambda: "left")
    assert kinds(events) == ["challenge", "accept"]
    assert rejected([*turn(), shows(0.99), *[shows(0.99, person=1)] * 7])[0].startswith("replaced")


def test_what_the_challenge_asks_for_is_in_the_view() -> None:
    asked = []
    frames = [shows(0.99)] * 3 + [shows(0.9, 0.2)] + turn() + [shows(0.99)] * 3
    watcher = Watcher(StubVerifier(), rule=FusionRule(3, 8), challenge=True, choose=lambda: "left")  # type: ignore[arg-type]
    for number, seen in enumerate(frames):
        SCRIPT[number] = seen
        watcher.step(Frame(np.full((2, 2, 3), number, np.uint8), number, number / 10))
        if (watcher.view.instruction, watcher.view.seconds_left) not in asked:
            asked.append((watcher.view.instruction, watcher.view.seconds_left))
    assert [text for text, left in asked if left is not None and left in (8.0, pytest.approx(7.8))] == [
        "look straight into the camera",
        "slowly turn your head to your left",
    ]
    assert ("turn your head back to the camera", pytest.approx(7.4)) in asked
    assert [text for text, left in asked if left is None] == ["", "hold still"]


def test_the_frames_of_two_people_never_add_up() -> None:
    owner, other = shows(0.999), shows(0.85, person=1)
    assert "accept" in kinds(play([owner] * 3))
    for frames in ([owner, owner, other], [other, owner, owner], [owner, other, owner], [other, other, owner]):
        assert "accept" not in kinds(play(frames * 20))


def test_a_gap_begins_another_attempt() -> None:
    gap = [shows("no_face")] * 11
    assert kinds(play([shows(0.999)] * 2 + gap + [shows(0.999)] * 2)) == []
    assert kinds(play([shows(0.999)] * 2 + gap + [shows(0.999)] * 3)) == ["accept"]


def test_a_camera_that_was_away_begins_another_attempt() -> None:
    SCRIPT[0], SCRIPT[1] = shows(0.999), shows(0.85)
    watcher = Watcher(StubVerifier(), rule=FusionRule(3, 8))  # type: ignore[arg-type]
    events = []
    for number, seconds in enumerate([0.0, 0.1, 16.0, 16.1]):
        image = np.full((2, 2, 3), int(seconds > 1), np.uint8)
        events += watcher.step(Frame(image, number, seconds))
    assert kinds(events) == []


def test_a_face_at_another_place_begins_another_attempt() -> None:
    beside = (400.0, 100.0, 500.0, 220.0)
    assert kinds(play([shows(0.999)] * 2 + [shows(0.999, box=beside)] * 2)) == []


def test_a_full_attempt_that_another_face_ends_is_a_failure() -> None:
    events = play([shows(0.1)] * 4 + [shows(0.1, person=1)] * 4)
    assert [(e.kind, e.reason) for e in events if e.kind == "reject"] == [("reject", "replaced")]


def test_faces_that_change_before_a_decision_use_up_the_patience() -> None:
    events = play([shows(0.1, person=number % 2) for number in range(16)])
    assert [e.reason for e in events if e.kind == "reject"] == ["below_threshold"] * 2


def test_another_person_after_an_accept_begins_anew() -> None:
    events = play([shows(0.999)] * 3 + [shows(0.85, person=1)] * 20)
    assert kinds(events)[:2] == ["accept", "reject"]
    assert kinds(events).count("accept") == 1


def test_an_accept_carries_the_far_of_an_attempt() -> None:
    accept = next(event for event in play([shows(0.99)] * 3) if event.kind == "accept")
    assert accept.to_record()["far_per_attempt_estimate"] == {
        "value": 0.0014, "low95": 0.0006, "upper95": 0.00326, "single_comparison": 0.001,
    }  # fmt: skip
    rejected = next(event for event in play([shows(0.1)] * 8) if event.kind == "reject")
    assert rejected.to_record()["far_per_attempt_estimate"] is None


class Scripted:
    """A camera that plays frames; live ones are waited for in vain afterwards."""

    def __init__(self, frames: int, live: bool) -> None:
        self.left, self.live, self.number = frames, live, 0

    @property
    def ended(self) -> bool:
        return not self.live and self.left == 0

    def next(self, timeout: float = 0.5) -> Frame | None:
        if not self.left:
            time.sleep(0.01 if self.live else 0)
            return None
        self.left, self.number = self.left - 1, self.number + 1
        return Frame(np.zeros((2, 2, 3), np.uint8), self.number - 1, (self.number - 1) / 10)

    def events(self) -> list[CameraEvent]:
        return [CameraEvent("lost", "gone")] if self.number == 2 else []

    def close(self) -> None:
        self.left = 0

    def __enter__(self) -> "Scripted":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()


@pytest.mark.parametrize(
    ("look", "options", "live", "last"),
    [
        (0.99, {"once": True}, False, "decided"),
        (0.01, {"once": True}, False, "decided"),
        ("no_face", {"once": True}, False, "end of the recording"),
        ("no_face", {"timeout": 1.0}, False, "timeout"),
        ("no_face", {"timeout": 0.2}, True, "timeout"),
    ],
)
def test_how_watching_ends(look: float | str, options: dict[str, object], live: bool, last: str) -> None:
    SCRIPT[0] = shows(look)
    watcher = Watcher(StubVerifier(), rule=FusionRule(3, 8))  # type: ignore[arg-type]
    events = list(watch(Scripted(30, live), watcher, **options))  # type: ignore[arg-type]
    assert (events[0].kind, events[-1].kind, events[-1].reason) == ("started", "ended", last)
    assert "lost" in [event.kind for event in events]
    assert threading.active_count() < 10


def test_an_attempt_in_progress_at_the_end_is_a_failure() -> None:
    SCRIPT[0] = shows(0.01)
    lock = Lockout()
    watcher = Watcher(StubVerifier(), rule=FusionRule(3, 100), lockout=lock)  # type: ignore[arg-type]
    events = list(watch(Scripted(30, False), watcher, timeout=1.0))
    assert [(event.kind, event.reason) for event in events[-2:]] == [("reject", "timeout"), ("ended", "timeout")]
    assert lock.failures == 1


def test_an_attempt_that_ctrl_c_ends_is_a_failure() -> None:
    def interrupted() -> str:
        if watcher.view.frames == 10:
            raise KeyboardInterrupt
        return ""

    SCRIPT[0] = shows(0.01)
    lock = Lockout()
    watcher = Watcher(StubVerifier(), rule=FusionRule(3, 100), lockout=lock)  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        list(watch(Scripted(30, False), watcher, changed=interrupted))
    assert lock.failures == 1


def test_a_change_of_the_bundle_ends_the_watching_before_the_next_frame() -> None:
    SCRIPT[0] = shows(0.99)
    watcher = Watcher(StubVerifier(), rule=FusionRule(3, 8))  # type: ignore[arg-type]
    events = list(watch(Scripted(30, False), watcher, changed=lambda: "replaced" if watcher.view.frames == 2 else ""))
    assert (events[-1].kind, events[-1].reason) == ("ended", "bundle replaced")
    assert watcher.view.frames == 2
    assert "accept" not in [event.kind for event in events]


def test_a_change_of_the_bundle_during_a_frame_withholds_its_accept() -> None:
    SCRIPT[0] = shows(0.99)
    watcher = Watcher(StubVerifier(), rule=FusionRule(3, 8))  # type: ignore[arg-type]
    events = list(watch(Scripted(30, False), watcher, changed=lambda: "deleted" if watcher.view.accepted else ""))
    assert watcher.view.frames == 3
    assert "accept" not in [event.kind for event in events]
    assert events[-1].reason == "bundle deleted"


@pytest.mark.parametrize(
    ("look", "options", "failures", "reasons"),
    [
        (0.01, {"timeout": 0.05}, 1, ["timeout"]),
        (0.01, {"terminated": lambda: True}, 1, ["terminated"]),
        ("no_face", {"timeout": 0.05}, 0, []),
        (0.99, {"timeout": 0.05}, 0, []),
    ],
)
def test_an_attempt_that_ends_undecided_before_a_live_camera_counts(
    look: float | str, options: dict[str, object], failures: int, reasons: list[str]
) -> None:
    SCRIPT[0] = shows(look)
    lock = Lockout()
    watcher = Watcher(StubVerifier(), rule=FusionRule(3, 8), lockout=lock)  # type: ignore[arg-type]
    events = list(watch(Scripted(4, True), watcher, **options))  # type: ignore[arg-type]
    assert lock.failures == failures
    assert [event.reason for event in events if event.kind == "reject"] == reasons
    assert events[-1].kind == "ended"


def test_an_attempt_that_is_interrupted_counts() -> None:
    SCRIPT[0] = shows(0.01)
    lock = Lockout()
    watcher = Watcher(StubVerifier(), rule=FusionRule(3, 8), lockout=lock)  # type: ignore[arg-type]
    events = watch(Scripted(4, True), watcher)
    for _ in events:
        if watcher.view.frames:
            break
    events.close()
    assert lock.failures == 1


def test_a_camera_that_is_given_up_tells_its_events_before() -> None:
    class Lost(Scripted):
        def next(self, timeout: float = 0.5) -> Frame | None:
            if self.number == 2:
                raise CameraError("given up")
            return super().next(timeout)

    SCRIPT[0] = shows(0.01)
    lock = Lockout()
    found: list[str] = []
    with pytest.raises(CameraError, match="given up"):
        found.extend(e.kind for e in watch(Lost(4, True), Watcher(StubVerifier(), lockout=lock)))  # type: ignore[arg-type]
    assert found == ["started", "state", "lost", "lost"]
    assert lock.failures == 1


def test_what_happened_to_a_bundle(tiny_bundle: Path) -> None:
    from tiny_bundle import write_tiny

    loaded = read_bundle(tiny_bundle)
    assert bundle_change(loaded) == ""
    write_tiny(tiny_bundle, name="another")
    assert bundle_change(loaded) == "replaced"
    shutil.rmtree(tiny_bundle)
    assert bundle_change(loaded) == "deleted"
