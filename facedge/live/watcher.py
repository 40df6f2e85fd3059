"""Decisions over time: `watch` feeds a camera's frames to a Watcher, which turns them into events.

The Watcher has no camera and no clock of its own: the same frames always give the same events.

The frames of a decision are of one face (facedge/live/same_face.py); anything else starts the next attempt. An attempt
that ends without an accept counts for the lock-out where it could have ended with one, that is, once it holds enough
frames to decide: when the person leaves, when another face takes the place, and when the patience is used up. So does a
liveness challenge that is not met, and any attempt with a scored frame when the watching ends. Fewer frames, and frames
that are not scored, do not count; but the patience goes on from one face to the next: a change of faces buys no time.
"""

import time
from collections.abc import Callable, Generator

from facedge.bundle import Bundle
from facedge.bundle.format import SEAL
from facedge.camera.source import Camera, Frame
from facedge.faces.quality import fault, measure
from facedge.live.challenge import FAILED, GONE, Challenge, Side, State, random_side
from facedge.live.events import STATES, Event, Kind, View
from facedge.live.fusion import Attempt, AttemptFar, FusionRule, estimate_attempt_far
from facedge.live.lockout import Lockout
from facedge.live.same_face import MOST_GAP, Break, FaceFrame, SameFace, least_cosine
from facedge.live.track import Tracker
from facedge.runtime.decision import Decision
from facedge.runtime.embedder import FaceEmbedding, embed_crop
from facedge.runtime.verifier import Verifier

Show = Callable[[Frame | None], None]

ENDED_BY: dict[Break, str] = {"gap": "left", "moved": "replaced", "another_face": "replaced"}


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

    Args:
        camera: an open source
        watcher: who decides
        once: end with the first accept or reject
        timeout: seconds after which to end: of the clock with a live camera, of the recording in a file, so that a file
            always gives the same answer
        show: called after every frame, and with None while none comes
        changed: what happened to the bundle in use ("deleted", "replaced"), which ends it before the next frame and
            before the events of this one; "" while nothing did
        terminated: whether it is to end, which is asked at least every 0.2 seconds

    However it ends, an attempt that is not decided by then counts as a failed one.
    """
    began, first, now = time.monotonic(), None, 0.0
    yield Event("started", 0.0)
    try:
        while True:
            try:
                frame = camera.next(0.2)
            finally:  # the events of a camera that is given up come before the error
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
            if reason := _end_of(camera, terminated=terminated(), late=timeout is not None and passed >= timeout):
                yield from watcher.finish(reason)
                yield Event("ended", now, reason=reason)
                return
    finally:
        watcher.finish()


def _end_of(camera: Camera, *, terminated: bool, late: bool) -> str:
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

    Args:
        verifier: an enrolled one
        rule: how many frames decide, and after how many an attempt is rejected
        challenge: require a turn of the head before accepting
        lockout: where failures count; None counts them in memory
        now: the lockout's clock, in seconds; None takes the frames' seconds
        choose: the side of the turn
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
        self._turned = False  # the challenge is met, the fused decision after it is due
        self._least = least_cosine(verifier.bundle)
        self._same = SameFace(self._rule.window, self._least)
        self._attempt = Attempt(verifier.threshold, self._rule)
        self._tracker = Tracker(verifier.options)
        self._scored_at = float("-inf")
        self._last: Frame | None = None
        self._locked = False
        self.view = View(state="")

    @property
    def threshold(self) -> float:
        """The fused score from which an attempt is accepted."""
        return self._verifier.threshold

    def step(self, frame: Frame) -> list[Event]:
        """Process one frame; the events that it causes, in order."""
        self._last, now = frame, self._clock(frame)
        self.view.frames += 1
        self.view.skipped += frame.skipped
        if (wait := self._lockout.remaining(now)) > 0:
            self._tracker.forget()
            return self._while_locked(frame, wait)
        events = [self._event("unlocked", frame)] if self._locked else []
        self._locked = False
        if self._challenge is not None or self._turned:
            self._tracker.forget()  # a followed face lags behind a turn; landmarks of a search do not
        seen = embed_crop(self._verifier.embedder, self._tracker.locate(frame.image))
        decision = self._verifier.decide(seen)
        state = _state(seen, decision)
        self.view.decision = decision
        events += self._state_event(state, frame)
        events += self._progress(_usable(state, seen, decision, frame), seen, decision, frame)
        self._instruct(frame)
        return events

    def finish(self, reason: str = "ended") -> list[Event]:
        """End the watching: an attempt that has scored a face and is not decided counts as failed; its events."""
        undecided = bool(self._attempt.frames) or self._turned or self._challenge is not None
        if self._last is None or not undecided or self.view.accepted:
            return []
        return self._reject(reason, self._last)

    def _progress(self, face: FaceFrame | None, seen: FaceEmbedding, decision: Decision, frame: Frame) -> list[Event]:
        if self._challenge is not None:
            state = self._challenge.step(face, decision.landmarks, seen.located.crop, frame.seconds)
            return self._after_step(self._challenge, state, face, decision, frame)
        if face is None:
            return self._end("left", frame) if frame.seconds - self._scored_at >= MOST_GAP else []
        if self._turned and self._same.find_break(face) and frame.seconds - self._scored_at < GONE:
            return []  # as during the turn: a frame that does not continue it does not count
        self._scored_at = frame.seconds
        change = self._same.add(face)
        if change is not None and self._attempt.frames:
            ended = self._end(ENDED_BY[change], frame, change)
            if ended:
                return ended
        return self._add_score(face, decision, frame)

    def _add_score(self, face: FaceFrame, decision: Decision, frame: Frame) -> list[Event]:
        assert decision.score is not None
        attempt = self._attempt
        attempt.add(decision.score)
        self.view.fused = attempt.fused
        self.view.history.append(attempt.fused or 0.0)
        if attempt.accepted and not self.view.accepted:
            if self._challenges and not self._turned:
                return self._start_challenge(face, frame)
            return self._accept(decision, frame)
        if self.view.accepted and not attempt.accepted:  # the score of the one who was accepted fell
            self._restart()
        elif attempt.exhausted:
            return self._reject("below_threshold", frame)
        return []

    def _end(self, reason: str, frame: Frame, change: Break = "gap") -> list[Event]:
        """End an attempt in which the face does not go on: a reject where it could have been accepted and was not."""
        failed = not self.view.accepted and (self._attempt.full or self._turned or self._challenge is not None)
        if failed:
            return self._reject(reason, frame)
        self._restart(0 if change == "gap" or self.view.accepted else self._attempt.frames)
        return []

    def _start_challenge(self, face: FaceFrame, frame: Frame) -> list[Event]:
        side = self._choose()
        self._challenge = Challenge(side, face, self._least)
        return [self._event("challenge", frame, side, f"turn your head slowly to your {side}, and back")]

    def _after_step(
        self, challenge: Challenge, state: State, face: FaceFrame | None, decision: Decision, frame: Frame
    ) -> list[Event]:
        if state == "waiting":
            return []
        if state == "failed" or face is None:
            return self._reject("challenge", frame, FAILED[challenge.failure])
        self._restart()
        self._turned = True
        self._scored_at = frame.seconds
        self._same.clear()
        self._same.add(face)
        return self._add_score(face, decision, frame)

    def _accept(self, decision: Decision, frame: Frame) -> list[Event]:
        self._lockout.succeed()
        self.view.accepted, self._turned = True, False
        far = estimate_attempt_far(self._verifier.bundle.manifest.calibration, decision.far)
        return [self._event("accept", frame, attempt_far=far)]

    def _reject(self, reason: str, frame: Frame, message: str = "") -> list[Event]:
        events = [self._event("reject", frame, reason, message)]
        self._restart()
        if (delay := self._lockout.fail(self._clock(frame))) > 0:
            self._locked = True
            message = f"{self._lockout.failures} failed attempts: locked for {delay:.0f} s"
            events.append(self._event("locked", frame, "failures", message))
        return events

    def _while_locked(self, frame: Frame, wait: float) -> list[Event]:
        self.view.state = "locked"
        if self._locked:
            return []
        self._locked = True
        self._restart()  # an attempt that another process's failures interrupted is no failure of its own
        message = f"{self._lockout.failures} failed attempts: locked for {wait:.0f} s more"
        return [self._event("locked", frame, "failures", message)]

    def _state_event(self, state: str, frame: Frame) -> list[Event]:
        if state == self.view.state:
            return []
        self.view.state = state
        return [self._event("state", frame, state, STATES[state])]

    def _event(
        self,
        kind: Kind,
        frame: Frame,
        reason: str | None = None,
        message: str = "",
        attempt_far: AttemptFar | None = None,
    ) -> Event:
        threshold = self._verifier.threshold
        return Event(kind, frame.seconds, frame.number, reason, self._attempt.fused, threshold, message, attempt_far)

    def _instruct(self, frame: Frame) -> None:
        """Put what the challenge asks for, and the time left, into the view."""
        challenge = self._challenge
        self.view.instruction = challenge.instruction if challenge else "hold still" if self._turned else ""
        self.view.seconds_left = challenge.seconds_left(frame.seconds) if challenge else None

    def _restart(self, earlier: int = 0) -> None:
        """Begin the next attempt, with no scores of the last one; `earlier` frames count for its patience."""
        self._attempt = Attempt(self._verifier.threshold, self._rule, earlier=earlier)
        self._challenge, self._turned = None, False
        self.view.accepted, self.view.fused = False, None

    def _clock(self, frame: Frame) -> float:
        return self._now() if self._now else frame.seconds


def _usable(state: str, seen: FaceEmbedding, decision: Decision, frame: Frame) -> FaceFrame | None:
    """The face of a frame whose score counts; None for other frames."""
    if state != "face" or decision.score is None or decision.box is None or seen.embedding is None:
        return None
    return FaceFrame(frame.seconds, decision.box, seen.embedding)


def _state(seen: FaceEmbedding, decision: Decision) -> str:
    """The state of a frame, a key of STATES: "face" where its score counts."""
    if seen.located.crop is None:
        return seen.reason or "no_face"
    problem = fault(measure(seen.located.crop, None))  # without landmarks: small and turned faces may be verified
    if problem:
        return problem
    return "face" if decision.score is not None else "low_quality"
