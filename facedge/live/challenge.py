"""Liveness challenge: a turn of the head to a random side and back, by the person who is about to be accepted.

It raises the effort of a presentation attack with printed photos. It is no proof of liveness, and nothing against a
video of the person. benchmarks/challenge.py renders attacks on 20 test people, and its table
(benchmarks/results/challenge.md) has of each how many are accepted: 108 of 120 genuine turns; none of 80 photos each
that are held still, turned, bent or folded, of two stills, of strangers who turn between two stills, and of 200 blind
loops of a photo and its mirror image; 3 of 80 photos bent aslant, 2 and 2 of 80 that are printed wider and then bent or
folded. Flip books of six turned stills (61 of 80) and videos of a turn (26 of 80, and all to the right side) do pass.

What it measures, frame by frame: the yaw moves in small steps (two stills, or a photo and its mirror image, jump); the
face stays where it is and keeps its identity from one frame to the next; and over the turn the nose moves against what
is around it, as no flat, bent or folded photo does (facedge/live/parallax.py). After the turn a fused decision follows
(facedge/live/watcher.py).
"""

import secrets
from typing import Literal

from facedge.faces.pose import yaw
from facedge.faces.quality import MOST_YAW
from facedge.live.parallax import Parallax
from facedge.live.same_face import LEAST_COSINE, FaceFrame, find_break
from facedge.types import UInt8Array

Side = Literal["left", "right"]
State = Literal["waiting", "turned", "failed"]
Landmarks = tuple[tuple[float, float], ...]

TURN = 0.25  # eye distances that the nose must move sideways: about 28 degrees, with a nose 0.47 before the eyes
BACK = 0.12  # and how near to the start it must return
WRONG_WAY = 0.2  # to the other side, as a replayed video may turn
SECONDS = 8.0  # for the turn and the way back
GONE = 0.6  # seconds without a usable face in which a photo may have been exchanged

# Eye distances between two frames. A dancer's head in a 25 frames/s video moves 0.055 (95 %) and 0.074 (of 129 frames
# the most), and 0.058 is the most in 345 frames of somebody who talks; a turn by TURN so has 2 frames or more between.
STEP = 0.12

STRAIGHT = 0.15  # yaw from which no turn may begin; 75 % of CelebA's photos are within it

# Parallax of the nose for each eye distance of yaw. Chosen on photos of 8 validation people, rendered as heads and on
# 13 bent or folded surfaces, those of benchmarks/challenge.py: heads 0.66 to 1.39; of 43 photos that could be turned
# by TURN one has 0.53, the others 0.44 at most. Of three real people in videos, turns by 0.20 have 0.78 to 0.99, and
# turns by 0.15 to 0.19, less than is asked for, 0.34 to 0.59.
LEAST_PARALLAX = 0.55

Failure = Literal["", "time", "gap", "moved", "another_face", "too_fast", "too_far", "wrong_way", "flat"]
FAILED: dict[str, str] = {
    "time": f"no turn and back within {SECONDS:g} s",
    "gap": "the face was not found for too long",
    "moved": "the face jumped",
    "another_face": "the face changed",
    "too_fast": "the head turned too fast, or jumped",
    "too_far": "the head turned too far",
    "wrong_way": "the head turned to the other side",
    "flat": "the turn was that of a picture",
}


def random_side() -> Side:
    """Left or right, unpredictable."""
    return secrets.choice(("left", "right"))


class Challenge:
    """Expects a turn to `side` (the person's own) and back, of the face that `start` shows."""

    def __init__(self, side: Side, start: FaceFrame, least: float = LEAST_COSINE) -> None:
        """`least`: cosine that two frames in a row must reach."""
        self.side = side
        self.failure: Failure = ""
        self._least, self._began = least, start.seconds
        self._before = start  # the latest frame that counts
        self._doubted: Failure = "gap"  # why the latest frame did not count
        self._yaw: float | None = None  # of the latest frame that counts, from the first straight one on
        self._straight = 0.0  # the yaw of that one
        self._parallax: Parallax | None = None
        self._turned = False

    @property
    def instruction(self) -> str:
        """What the person has to do now."""
        if self._yaw is None:
            return "look straight into the camera"
        return "turn your head back to the camera" if self._turned else f"slowly turn your head to your {self.side}"

    def seconds_left(self, now: float) -> float:
        """Until the challenge fails."""
        return max(0.0, SECONDS - (now - self._began))

    def step(
        self, face: FaceFrame | None, landmarks: Landmarks | None, crop: UInt8Array | None, seconds: float
    ) -> State:
        """The state after one more frame; None for all where no face was embedded in it. "failed" has a `failure`.

        crop: the aligned face, uint8 (H, W, 3) or (H, W).

        A frame that does not continue those before (no face, another face or place, too large a step) does not count;
        after GONE seconds without one that counts the challenge fails.
        """
        if not seconds - self._began <= SECONDS:
            return self._fail("time")
        if not seconds - self._before.seconds <= GONE:
            return self._fail(self._doubted)
        if face is None or landmarks is None or crop is None:
            self._doubted = "gap"
            return "waiting"
        now = yaw(landmarks)
        if doubt := self._doubt(face, now):
            self._doubted = doubt
            return "waiting"
        self._before, self._doubted = face, "gap"
        return self._turn(now, crop)

    def _doubt(self, face: FaceFrame, now: float) -> Failure | None:
        """Why a frame does not continue the ones before; None where it does."""
        if change := find_break(self._before, face, self._least):
            return change
        if self._yaw is not None and not abs(now - self._yaw) <= STEP:
            return "too_fast"
        return None if abs(now) <= MOST_YAW else "too_far"

    def _turn(self, now: float, crop: UInt8Array) -> State:
        if self._parallax is None:
            if abs(now) <= STRAIGHT:
                self._yaw, self._straight, self._parallax = now, now, Parallax(crop, now)
            return "waiting"
        self._yaw = now
        self._parallax.add(crop, now)
        moved = (now - self._straight) * (1 if self.side == "left" else -1)
        if not self._turned and moved < -WRONG_WAY:
            return self._fail("wrong_way")
        self._turned = self._turned or moved > TURN
        if not self._turned or abs(moved) >= BACK:
            return "waiting"
        return "turned" if self._parallax.slope >= LEAST_PARALLAX else self._fail("flat")

    def _fail(self, failure: Failure) -> State:
        self.failure = failure
        return "failed"
