"""Liveness challenge: a random turn of the head, checked by landmarks.

It raises the effort of a presentation attack with a photo and is no proof of life: a video on a tablet, or a bent
photo, may pass.
"""

import math
import secrets
from typing import Literal

Side = Literal["left", "right"]
State = Literal["waiting", "turned", "failed"]

TURN = 0.25  # eye distances that the nose must move sideways: about 20 degrees
BACK = 0.12  # and how near to the start it must return
SECONDS = 8.0  # for the turn and the way back
JUMP = 0.5  # of the face's width between two frames: more is another face
GONE = 0.6  # seconds without a face in which a person may have been exchanged

Box = tuple[float, float, float, float]


def random_side() -> Side:
    """Left or right, unpredictable."""
    return secrets.choice(("left", "right"))


class Challenge:
    """Expects a turn to `side` (the person's own), and back. Yaw: in eye distances, positive to the person's left."""

    def __init__(self, side: Side, yaw: float, box: Box, seconds: float) -> None:
        """Start from the present pose of the head."""
        self.side = side
        self._straight, self._box = yaw, box
        self._began = self._face_at = seconds
        self._turned = False

    def step(self, yaw: float | None, box: Box | None, seconds: float) -> State:
        """The state after one more frame; None for both where no face was found in it."""
        if seconds - self._began > SECONDS or seconds - self._face_at > GONE:
            return "failed"
        if yaw is None or box is None:
            return "waiting"
        if _jumped(self._box, box):
            return "failed"
        self._box, self._face_at = box, seconds
        moved = (yaw - self._straight) * (1 if self.side == "left" else -1)
        if not self._turned and moved < -TURN:  # the wrong way, as a replayed video may turn
            return "failed"
        self._turned = self._turned or moved > TURN
        return "turned" if self._turned and abs(moved) < BACK else "waiting"


def _jumped(before: Box, after: Box) -> bool:
    width = max(before[2] - before[0], 1.0)
    moved = math.hypot(
        (after[0] + after[2] - before[0] - before[2]) / 2, (after[1] + after[3] - before[1] - before[3]) / 2
    )
    return moved > JUMP * width
