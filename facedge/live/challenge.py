"""Liveness challenge: a turn of the head to a random side and back, by the person who is about to be accepted.

It raises the effort of a presentation attack with printed photos. It is no proof of liveness, and nothing against a
video of the person. A bent or folded photo that is turned by somebody who follows the instructions often passes: 25 of
40 as benchmarks/challenge.py renders them, which prints the table of attacks. Of flat photos (turned, tilted, held
still, two stills) 0 of 80 pass, and of strangers' turns between two stills 0 of 20.

What it measures, frame by frame: the yaw moves in small steps (two stills, or a photo and its mirror image, jump); the
face stays where it is and keeps its identity from one frame to the next; and over the turn the nose moves as far as
its height over the face gives (a flat photo, and some bent ones, turn further for the same yaw and become narrower).
After the turn a fused decision follows (facedge/live/watcher.py).
"""

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import linear_regression
from typing import Literal

from facedge.faces.pose import eye_distance, yaw
from facedge.faces.quality import MOST_YAW
from facedge.live.same_face import LEAST_COSINE, FaceFrame, find_break

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

# How far the nose stands before the eyes, in eye distances, as the turn shows it: yaw / tan(angle), the angle from how
# much narrower the eyes come to stand. 1,141 pairs of CelebA validation images of one person, one straight and one
# turned by 0.25 to 0.4: median 0.47, 3 % below 0.31, though expressions differ between them; the dancer's turn: median
# 0.41. Photos bent to a radius of 0.8 to 1.5 eye distances and turned far: medians 0.25 to 0.32; turned just far enough
# many reach the limit, so it does not stop them.
RELIEF = 0.31

# Eye distance over eye-to-mouth distance of the face when straight: 0.87 or more for 99 % of the CelebA validation
# images within 0.05 of straight ahead, 0.81 (median) for photos folded along the nose by 45 degrees.
LEAST_PROPORTION = 0.85

Failure = Literal["", "time", "gap", "moved", "another_face", "too_fast", "too_far", "wrong_way", "no_relief"]
FAILED: dict[str, str] = {
    "time": f"no turn and back within {SECONDS:g} s",
    "gap": "the face was not found for too long",
    "moved": "the face jumped",
    "another_face": "the face changed",
    "too_fast": "the head turned too fast, or jumped",
    "too_far": "the head turned too far",
    "wrong_way": "the head turned to the other side",
    "no_relief": "the turn was that of a picture",
}


def random_side() -> Side:
    """Left or right, unpredictable."""
    return secrets.choice(("left", "right"))


@dataclass(frozen=True)
class Pose:
    """yaw: as facedge.faces.quality.yaw, in eye distances; proportion: eye distance over eye-to-mouth distance."""

    yaw: float
    proportion: float


def pose(landmarks: Landmarks) -> Pose:
    """The pose that five landmarks (x, y) show: eyes, nose, mouth corners."""
    (ax, ay), (bx, by) = landmarks[:2]
    width = eye_distance(landmarks)
    mouth = [(p + q) / 2 for p, q in zip(landmarks[3], landmarks[4], strict=True)]
    below = abs((mouth[1] - (ay + by) / 2) * (bx - ax) - (mouth[0] - (ax + bx) / 2) * (by - ay))
    return Pose(yaw(landmarks), width * width / below if below > 0 else math.inf)


class Challenge:
    """Expects a turn to `side` (the person's own) and back, of the face that `start` shows."""

    def __init__(self, side: Side, start: FaceFrame, least: float = LEAST_COSINE) -> None:
        """`least`: cosine that two frames in a row must reach."""
        self.side = side
        self.failure: Failure = ""
        self._least, self._began = least, start.seconds
        self._before = start  # the latest frame that counts
        self._doubted: Failure = "gap"  # why the latest frame did not count
        self._poses: list[Pose] = []  # from the first straight one on
        self._turned = False

    @property
    def instruction(self) -> str:
        """What the person has to do now."""
        if not self._poses:
            return "look straight into the camera"
        return "turn your head back to the camera" if self._turned else f"slowly turn your head to your {self.side}"

    def seconds_left(self, now: float) -> float:
        """Until the challenge fails."""
        return max(0.0, SECONDS - (now - self._began))

    def step(self, face: FaceFrame | None, landmarks: Landmarks | None, seconds: float) -> State:
        """The state after one more frame; None for both where no face was embedded in it. "failed" has a `failure`.

        A frame that does not continue those before (no face, another face or place, too large a step) does not count;
        after GONE seconds without one that counts the challenge fails.
        """
        if not seconds - self._began <= SECONDS:
            return self._fail("time")
        if not seconds - self._before.seconds <= GONE:
            return self._fail(self._doubted)
        if face is None or landmarks is None:
            self._doubted = "gap"
            return "waiting"
        now = pose(landmarks)
        if doubt := self._doubt(face, now):
            self._doubted = doubt
            return "waiting"
        self._before, self._doubted = face, "gap"
        return self._turn(now)

    def _doubt(self, face: FaceFrame, now: Pose) -> Failure | None:
        """Why a frame does not continue the ones before; None where it does."""
        if change := find_break(self._before, face, self._least):
            return change
        if self._poses and not abs(now.yaw - self._poses[-1].yaw) <= STEP:
            return "too_fast"
        return None if abs(now.yaw) <= MOST_YAW else "too_far"

    def _turn(self, now: Pose) -> State:
        if not self._poses and abs(now.yaw) > STRAIGHT:
            return "waiting"
        self._poses.append(now)
        moved = (now.yaw - self._poses[0].yaw) * (1 if self.side == "left" else -1)
        if not self._turned and moved < -WRONG_WAY:
            return self._fail("wrong_way")
        self._turned = self._turned or moved > TURN
        if not self._turned or abs(moved) >= BACK:
            return "waiting"
        found = relief(self._poses)
        return "turned" if found.nose >= RELIEF and found.proportion >= LEAST_PROPORTION else self._fail("no_relief")

    def _fail(self, failure: Failure) -> State:
        self.failure = failure
        return "failed"


@dataclass(frozen=True)
class Relief:
    """The shape that a turn shows.

    nose        how far it stands before the eyes, in eye distances; infinite where the face becomes no narrower
    proportion  eye distance over eye-to-mouth distance, straight ahead
    """

    nose: float
    proportion: float


def relief(poses: Sequence[Pose]) -> Relief:
    """The shape behind the poses of one turn, by least squares.

    A head turned by an angle a has yaw = nose * tan(a) and proportion = straight * cos(a), in parallel projection, so
    proportion^2 = straight^2 - (proportion * yaw / nose)^2, a line.
    """
    x = [(one.proportion * one.yaw) ** 2 for one in poses]
    y = [one.proportion**2 for one in poses]
    slope, level = linear_regression(x, y)
    return Relief(math.sqrt(-1 / slope) if slope < 0 else math.inf, math.sqrt(max(level, 0.0)))
