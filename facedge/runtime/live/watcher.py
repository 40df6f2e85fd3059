"""Frame by frame: who stands there, what to tell the world about it. No camera and no clock in here."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from facedge.camera.frames import Frame
from facedge.runtime.decision import Decision
from facedge.runtime.enrollment import gates
from facedge.runtime.live.challenge import Challenge, Side, random_side
from facedge.runtime.live.fusion import Attempt, FusionRule
from facedge.runtime.live.lockout import Lockout
from facedge.runtime.live.tracking import Tracker
from facedge.runtime.seeing import Seen, see_located
from facedge.runtime.verifier import Verifier

Kind = Literal[
    "started", "state", "accept", "reject", "challenge", "locked", "unlocked", "lost", "waiting", "back", "ended"
]
GONE = 1.0  # seconds without a face that end an attempt
HISTORY = 60  # fused scores kept for the live view


@dataclass(frozen=True)
class Event:
    """Something worth a line: what, when (seconds of the source, number of the frame), and the figures behind it."""

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


class Watcher:
    """Fuses frames into decisions.

    verifier   an enrolled one
    challenge  ask for a turn of the head before accepting
    lockout    where failures count; its clock is `now`, or the frames' seconds where none is given
    choose     which side to ask for
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
        """Nobody stands there yet."""
        self._verifier, self._rule = verifier, rule or FusionRule()
        self._lockout, self._now, self._choose = lockout or Lockout(), now, choose
        self._asks = challenge
        self._challenge: Challenge | None = None
        self._attempt = Attempt(verifier.threshold, self._rule)
        self._tracker = Tracker(verifier.faces, min_face=verifier.min_face)
        self._face_at = float("-inf")
        self._locked = False
        self.view = View(state="")

    @property
    def threshold(self) -> float:
        """The score from which on a fused score is accepted."""
        return self._verifier.threshold

    def step(self, frame: Frame) -> list[Event]:
        """Look at one frame; what happened by it, in order."""
        now = self._now() if self._now else frame.seconds
        self.view.frames += 1
        self.view.skipped += frame.skipped
        if (wait := self._lockout.remaining(now)) > 0:
            self._tracker.forget()
            return self._while_locked(frame, wait)
        events = [self._event("unlocked", frame)] if self._locked else []
        self._locked = False
        seen = see_located(self._verifier.embedder, self._tracker.locate(frame.image))
        decision = self._verifier.decide(seen)
        state = _state(seen, decision)
        self.view.decision = decision
        events += self._state_event(state, frame)
        if decision.box is not None:
            self._face_at = frame.seconds
        return events + self._progress(state, decision, frame, now)

    def _progress(self, state: str, decision: Decision, frame: Frame, now: float) -> list[Event]:
        if self._challenge is not None:
            return self._challenged(decision, frame, now)
        if state == "face" and decision.score is not None:
            return self._scored(decision, decision.score, frame, now)
        if frame.seconds - self._face_at >= GONE and self._attempt.frames:
            judged_unfit = self._attempt.judged and not self.view.accepted
            self._begin()
            if judged_unfit:  # leaving early is no way to try again for free
                return self._reject("left", frame, now)
        return []

    def _scored(self, decision: Decision, score: float, frame: Frame, now: float) -> list[Event]:
        attempt = self._attempt
        attempt.add(score)
        self.view.fused = attempt.fused
        self.view.history.append(attempt.fused or 0.0)
        if attempt.accepted and not self.view.accepted:
            if self._asks:
                return self._ask(decision, frame)
            return self._accept(frame)
        if self.view.accepted and not attempt.accepted:  # somebody else stepped in
            self._begin()
        elif attempt.exhausted:
            return self._reject("below_threshold", frame, now)
        return []

    def _ask(self, decision: Decision, frame: Frame) -> list[Event]:
        assert decision.box is not None and decision.landmarks is not None  # a scored frame of a camera has both
        side = self._choose()
        self._challenge = Challenge(side, gates.yaw(decision.landmarks), decision.box, frame.seconds)
        return [self._event("challenge", frame, side, f"turn your head to your {side}, and back")]

    def _challenged(self, decision: Decision, frame: Frame, now: float) -> list[Event]:
        assert self._challenge is not None
        turn = gates.yaw(decision.landmarks) if decision.landmarks is not None else None
        state = self._challenge.step(turn, decision.box, frame.seconds)
        if state == "waiting":
            return []
        self._challenge = None
        if state == "failed":
            return self._reject("challenge", frame, now)
        if decision.accepted:  # the person who is back from the turn is still the same
            return self._accept(frame)
        return self._reject("below_threshold", frame, now)

    def _accept(self, frame: Frame) -> list[Event]:
        self._lockout.succeed()
        self.view.accepted = True
        return [self._event("accept", frame)]

    def _reject(self, reason: str, frame: Frame, now: float) -> list[Event]:
        events = [self._event("reject", frame, reason)]
        self._begin()
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

    def _begin(self) -> None:
        """The next attempt: whoever stands there is nobody yet."""
        self._attempt = Attempt(self._verifier.threshold, self._rule)
        self.view.accepted, self.view.fused = False, None


STATES = {
    "face": "one face, being looked at",
    "no_face": "no face",
    "many_faces": "more than one face",
    "dark": "too dark or too flat to tell",
    "bright": "too bright to tell",
    "blurred": "too blurred to tell",
    "low_quality": "the face is not whole in the picture",
}


def _state(seen: Seen, decision: Decision) -> str:
    """What is to be said of a frame: "face" where its score counts."""
    if seen.located.crop is None:
        return seen.reason or "no_face"
    found = gates.measure(seen.located.crop, None)  # a face far away or turned may still be the person's
    problem = gates.fault(found)
    if problem:
        return problem
    return "face" if decision.score is not None else "low_quality"
