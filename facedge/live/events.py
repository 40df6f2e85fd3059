"""What `verify --camera` reports: events, and the state that a live view shows."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

from facedge.live.fusion import AttemptFar
from facedge.runtime.decision import Decision

Kind = Literal[
    "started", "state", "accept", "reject", "challenge", "locked", "unlocked", "lost", "waiting", "back", "ended"
]
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
    """What happened, and the figures behind it.

    Attributes:
        kind: what it is: one of Kind
        seconds: when, in seconds of the source
        frame: the number of the frame; None where there is none
        reason: of a reject: below_threshold (enough frames, no accept), left (no usable face for a second), replaced
            (another face, or a face at another place), challenge (not met), or why the watching ended
        score: the fused score, from 0 to 1; None where no frame is scored
        threshold: the score from which an attempt is accepted
        message: a sentence for people; "" where the kind says it all
        attempt_far: of an accept: the estimated FAR of a whole attempt; None where nothing is known about the threshold
    """

    kind: Kind
    seconds: float
    frame: int | None = None
    reason: str | None = None
    score: float | None = None
    threshold: float | None = None
    message: str = ""
    attempt_far: AttemptFar | None = None

    def to_record(self) -> dict[str, Any]:
        """The JSON line of `verify --watch`."""
        found = {"event": self.kind, "seconds": round(self.seconds, 3), "frame": self.frame, "reason": self.reason}
        found |= {"score": self.score, "threshold": self.threshold, "message": self.message}
        estimate = self.attempt_far.to_record() if self.attempt_far is not None else None
        return found | {"far_per_attempt_estimate": estimate}


@dataclass
class View:
    """What a live view shows: the latest frame's decision, its state, and the fused scores up to now.

    instruction, seconds_left: what a liveness challenge asks for, "" and None while there is none.
    """

    state: str = "no_face"
    decision: Decision | None = None
    fused: float | None = None
    accepted: bool = False
    history: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY))
    frames: int = 0
    skipped: int = 0
    instruction: str = ""
    seconds_left: float | None = None
