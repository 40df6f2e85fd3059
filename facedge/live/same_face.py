"""Whether a frame shows the same face as the frames before it: without a gap in time, near in place, and alike.

The frames of one decision must be of one person, or four frames of somebody else could carry the fifth. Place and time
alone do not tell two people apart, and neither does the head's score, which is the very thing to be decided; so each
frame's embedding is compared with those of all the frames that it would be fused with.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from facedge.bundle import Bundle
from facedge.bundle.cohort import read_cohort
from facedge.faces.boxes import movement
from facedge.types import Box, Float32Array

Break = Literal["gap", "moved", "another_face"]

# Seconds between two frames with a usable face. Within a second one person may take another's place; a slow Pi that
# processes 2 frames a second may lose one of them.
MOST_GAP = 1.0

# The centre of the box, in widths of the face: JUMP at once and SPEED a second more. A person who walks through a 345
# frame video moves 0.13 in 1/25 s, 0.48 in 0.4 s and 0.96 in 1 s at most; the box of a search and that of a followed
# face differ by a factor of up to 1.22 in width. No false alarm in 345 frames taken 1, 2, 5, 10 or 25 at a time.
JUMP, SPEED = 0.5, 1.0
MOST_SCALE = 1.6  # between the widths of two boxes

# Cosine of two frames' embeddings. Measured with the backbone inside the package: the highest of 2.3 million pairs of
# images of two people (100 validation identities of CelebA) is 0.552, of 6.9 million pairs of the 180 test identities
# 0.639. Two frames of one person: 0.745 or more in a video with turns of the head (345 frames, up to 1 s apart).
LEAST_COSINE = 0.7
IMPOSTOR_QUANTILE = 0.9999  # of another backbone's cosines between two people; the package's own has 0.47 there
MOST_COHORT = 1500  # embeddings of the cohort that are compared with each other: 10 ms


@dataclass(frozen=True, eq=False)
class FaceFrame:
    """The face of one frame: seconds of the source, box (x0, y0, x1, y1) in pixels, embedding float32 (D,)."""

    seconds: float
    box: Box
    embedding: Float32Array


class SameFace:
    """The latest frames of one face, at most `window`, every two of them with a cosine of `least` or more."""

    def __init__(self, window: int, least: float = LEAST_COSINE) -> None:
        """Begin without a frame."""
        self._least = least
        self._latest: deque[FaceFrame] = deque(maxlen=window)

    def add(self, frame: FaceFrame) -> Break | None:
        """Add one frame; None where the face goes on, otherwise why not: the frame is then the first of a new face."""
        found = self.find_break(frame)
        if found is not None:
            self._latest.clear()
        self._latest.append(frame)
        return found

    def clear(self) -> None:
        """Forget all frames."""
        self._latest.clear()

    def find_break(self, frame: FaceFrame) -> Break | None:
        """Why a frame does not show the face of the latest ones; None where it does. It is not added."""
        if not self._latest:
            return None
        found = find_break(self._latest[-1], frame, self._least)
        if found is not None or all(_alike(one, frame, self._least) for one in self._latest):
            return found
        return "another_face"


def find_break(before: FaceFrame, after: FaceFrame, least: float = LEAST_COSINE) -> Break | None:
    """Why `after` does not show the face of `before`, a frame earlier; None where it does."""
    seconds = after.seconds - before.seconds
    if not 0 <= seconds <= MOST_GAP:
        return "gap"
    if has_jumped(before.box, after.box, seconds):
        return "moved"
    return None if _alike(before, after, least) else "another_face"


def _alike(one: FaceFrame, other: FaceFrame, least: float) -> bool:
    return float(one.embedding @ other.embedding) >= least  # False for a NaN


def has_jumped(before: Box, after: Box, seconds: float) -> bool:
    """Whether a box moved or changed its size by more than a face can in so many seconds."""
    moved, growth = movement(before, after)
    return not (moved <= JUMP + SPEED * seconds and 1 / MOST_SCALE <= growth <= MOST_SCALE)


def least_cosine(bundle: Bundle) -> float:
    """The cosine that two frames of one face must reach: LEAST_COSINE, or more where the bundle's cohort asks for it.

    A backbone of one's own may place two people nearer to each other than the package's does; then the limit is the
    cosine that one in 10,000 pairs of different people of the cohort reaches.
    """
    cohort = read_cohort(bundle.files)
    if cohort is None:
        return LEAST_COSINE
    step = math.ceil(len(cohort[0]) / MOST_COHORT)
    x, identities = cohort[0][::step], cohort[1][::step]
    different = identities[:, None] != identities[None, :]
    if not different.any():
        return LEAST_COSINE
    return max(LEAST_COSINE, float(np.quantile((x @ x.T)[different], IMPOSTOR_QUANTILE)))
