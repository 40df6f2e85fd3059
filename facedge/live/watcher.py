"""Decisions over time: `watch` feeds a camera's frames to a Watcher, which turns them into events.

The Watcher has no camera and no clock of its own: the same frames always give the same events.
"""

import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Literal

from facedge.bundle import Bundle
from facedge.bundle.format import SEAL
from facedge.camera.source import Camera, Frame
from facedge.faces.quality import fault, measure, yaw
from facedge.live.attempt import Attempt, FusionRule
from facedge.live.challenge import Challenge, Side, random_side
from facedge.live.lockout import Lockout
from facedge.live.track import Tracker
from facedge.runtime.decision import Decision
from facedge.runtime.embedder import FaceEmbedding, embed_crop
from facedge.runtime.verifier import Verifier

Kind = Literal[
    "started", "state", "accept", "reject", "challenge", "locked", "unlocked", "lost", "waiting", "back", "ended"
]
Show = Callable[[Frame | None], None]

GONE = 1.0  # seconds without a face that end an attempt
HISTORY = 60  # fused scores kept for the live view
STATES = {
    "face": "one face",
    "no_face": "no face",
    "many_faces": "more than one face",
    "dark": "too dark or too flat to verify",
    "bright": "too bright to verify",
    "blurred": "too blurred to verify",
    "low_quality": "the face is not whole in the picture",
    "rotated": "the face is not upright: if it is, turn the picture with --rotate",
    "distorted": "the picture is squeezed or stretched: correct it with --aspect W:H",
}


@dataclass(frozen=True)
class Event:
    """What happened: its kind, when (seconds of the source, number of the frame), and the figures behind it."""

    kind: Kind
    seconds: float
    frame: int | None = None
    reason: str | None = None
    score: float | None = None
    threshold: float | None = None
    message: str = ""

    def to_record(self) -> dict[str, Any]:
        """The JSON line of `verify --watch`."""
        found = {"event": self.kind, "seconds": round(self.seconds, 3), "frame": self.frame, "reason": self.reason}
        return found | {"score": self.score, "threshold": self.threshold, "message": self.message}


@dataclass
class View:
    """What a live view shows: the latest frame's decision, its state, and the fused scores up to now."""

    state: str = "no_face"
    decision: Decision | None = None
    fused: float | None = None
    accepted: bool = False
    history: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY))
    frames: int = 0
    skipped: int = 0


def watch(
    camera: Camera,
    watcher: "Watcher",
    *,
    once: bool = False,
    timeout: float | None = None,
    show: Show = lambda _: None,
    changed: Callable[[], str] = lambda: "",
    terminated: Callable[[], bool] = lambda: False,
) -> Generator[Event, None, None]:
    """Events frame after frame; the last one is "ended", with the reason.

    once     end with the first accept or reject
    timeout  seconds after which to end: of the clock with a live camera, of the recording in a file, so that a file
             always gives the same answer
    show     called after every frame, and with None while none comes
    changed  what happened to the bundle in use ("deleted", "replaced"), which ends it before the next frame and before
             the events of this one; "" while nothing did
    terminated  whether it is to end, which is asked at least every 0.2 seconds

    However it ends, an attempt that is not decided by then counts as a failed one.
    """
    began, first, now = time.monotonic(), None, 0.0
    yield Event("started", 0.0)
    try:
        while True:
            try:
                frame = camera.next(0.2)
            finally:  # a camera that is given up says before that it was lost
                yield from (Event(e.kind, now, reason=e.reason, message=e.message) for e in camera.events())
            found = watcher.step(frame) if frame is not None and not changed() else []
            if change := changed():
                yield Event("ended", now, reason=f"bundle {change}")
                return
            if frame is not None:
                first = frame.seconds if first is None else first
                now = frame.seconds
            for event in found:
                yield event
                if once and event.kind in ("accept", "reject"):
                    yield Event("ended", now, reason="decided")
                    return
            show(frame)
            passed = time.monotonic() - began if camera.live else now - (first or 0.0)
            if reason := _end(camera, terminated=terminated(), late=timeout is not None and passed >= timeout):
                yield from watcher.finish(reason)
                yield Event("ended", now, reason=reason)
                return
    finally:
        watcher.finish()


def _end(camera: Camera, *, terminated: bool, late: bool) -> str:
    """Why watching ends now, or ""."""
    if terminated:
        return "terminated"
    if camera.ended:
        return "end of the recording"
    return "timeout" if late else ""


def bundle_change(bundle: Bundle) -> str:
    """What happened to a bundle's directory since it was read: "" for nothing, "deleted", or "replaced"."""
    try:
        seal = (bundle.path / SEAL).read_bytes()
    except OSError:
        return "deleted"
    return "" if seal.startswith(bundle.sha256.encode()) else "replaced"


class Watcher:
    """Fuses frames into decisions.

    verifier   an enrolled one
    challenge  require a turn of the head before accepting
    lockout    where failures count; its clock is `now`, or the frames' seconds where none is given
    choose     the side of the turn
    """

    def __init__(
        self,
        verifier: Verifier,
        *,
        rule: FusionRule | None = None,
        challenge: bool = False,
        lockout: Lockout | None = None,
        now: Callable[[], float] | None = None,
        choose: Callable[[], Side] = random_side,
    ) -> None:
        """Start with an empty attempt."""
        self._verifier, self._rule = verifier, rule or FusionRule()
        self._lockout, self._now, self._choose = lockout or Lockout(), now, choose
        self._challenges = challenge
        self._challenge: Challenge | None = None
        self._attempt = Attempt(verifier.threshold, self._rule)
        self._tracker = Tracker(verifier.options)
        self._face_at = float("-inf")
        self._latest: Frame | None = None
        self._locked = False
        self.view = View(state="")

    @property
    def threshold(self) -> float:
        """The fused score from which an attempt is accepted."""
        return self._verifier.threshold

    def step(self, frame: Frame) -> list[Event]:
        """Process one frame; the events that it causes, in order."""
        now = self._now() if self._now else frame.seconds
        self._latest = frame
        self.view.frames += 1
        self.view.skipped += frame.skipped
        if (wait := self._lockout.remaining(now)) > 0:
            self._tracker.forget()
            return self._while_locked(frame, wait)
        events = [self._event("unlocked", frame)] if self._locked else []
        self._locked = False
        seen = embed_crop(self._verifier.embedder, self._tracker.locate(frame.image))
        decision = self._verifier.decide(seen)
        state = _state(seen, decision)
        self.view.decision = decision
        events += self._state_event(state, frame)
        if decision.box is not None:
            self._face_at = frame.seconds
        return events + self._progress(state, decision, frame, now)

    def finish(self, reason: str = "ended") -> list[Event]:
        """Count an attempt that has scored a face and is not decided as a failed one; the events of that."""
        if self._latest is None or not self._attempt.frames or self.view.accepted:
            return []
        now = self._now() if self._now else self._latest.seconds
        return self._reject(reason, self._latest, now)

    def _progress(self, state: str, decision: Decision, frame: Frame, now: float) -> list[Event]:
        if self._challenge is not None:
            return self._challenge_step(self._challenge, decision, frame, now)
        if state == "face" and decision.score is not None:
            return self._add_score(decision, decision.score, frame, now)
        if frame.seconds - self._face_at >= GONE and self._attempt.frames:
            failed = self._attempt.full and not self.view.accepted
            self._restart()
            if failed:  # leaving early counts, so that a new attempt is not free
                return self._reject("left", frame, now)
        return []

    def _add_score(self, decision: Decision, score: float, frame: Frame, now: float) -> list[Event]:
        attempt = self._attempt
        attempt.add(score)
        self.view.fused = attempt.fused
        self.view.history.append(attempt.fused or 0.0)
        if attempt.accepted and not self.view.accepted:
            return self._start_challenge(decision, frame) if self._challenges else self._accept(frame)
        if self.view.accepted and not attempt.accepted:  # another person took the place
            self._restart()
        elif attempt.exhausted:
            return self._reject("below_threshold", frame, now)
        return []

    def _start_challenge(self, decision: Decision, frame: Frame) -> list[Event]:
        assert decision.box is not None and decision.landmarks is not None  # a scored frame of a camera has both
        side = self._choose()
        self._challenge = Challenge(side, yaw(decision.landmarks), decision.box, frame.seconds)
        return [self._event("challenge", frame, side, f"turn your head to your {side}, and back")]

    def _challenge_step(self, challenge: Challenge, decision: Decision, frame: Frame, now: float) -> list[Event]:
        turn = yaw(decision.landmarks) if decision.landmarks is not None else None
        state = challenge.step(turn, decision.box, frame.seconds)
        if state == "waiting":
            return []
        self._challenge = None
        if state == "failed":
            return self._reject("challenge", frame, now)
        if decision.accepted:  # after the turn it is still the same person
            return self._accept(frame)
        return self._reject("below_threshold", frame, now)

    def _accept(self, frame: Frame) -> list[Event]:
        self._lockout.succeed()
        self.view.accepted = True
        return [self._event("accept", frame)]

    def _reject(self, reason: str, frame: Frame, now: float) -> list[Event]:
        events = [self._event("reject", frame, reason)]
        self._restart()
        if (delay := self._lockout.fail(now)) > 0:
            self._locked = True
            message = f"{self._lockout.failures} failed attempts: locked for {delay:.0f} s"
            events.append(self._event("locked", frame, "failures", message))
        return events

    def _while_locked(self, frame: Frame, wait: float) -> list[Event]:
        self.view.state = "locked"
        if self._locked:
            return []
        self._locked = True
        message = f"{self._lockout.failures} failed attempts: locked for {wait:.0f} s more"
        return [self._event("locked", frame, "failures", message)]

    def _state_event(self, state: str, frame: Frame) -> list[Event]:
        if state == self.view.state:
            return []
        self.view.state = state
        return [self._event("state", frame, state, STATES[state])]

    def _event(self, kind: Kind, frame: Frame, reason: str | None = None, message: str = "") -> Event:
        threshold = self._verifier.threshold
        return Event(kind, frame.seconds, frame.number, reason, self._attempt.fused, threshold, message)

    def _restart(self) -> None:
        """Begin the next attempt, with no scores of the last one."""
        self._attempt = Attempt(self._verifier.threshold, self._rule)
        self.view.accepted, self.view.fused = False, None


def _state(seen: FaceEmbedding, decision: Decision) -> str:
    """The state of a frame, a key of STATES: "face" where its score counts."""
    if seen.located.crop is None:
        return seen.reason or "no_face"
    problem = fault(measure(seen.located.crop, None))  # without landmarks: small and turned faces may be verified
    if problem:
        return problem
    return "face" if decision.score is not None else "low_quality"
