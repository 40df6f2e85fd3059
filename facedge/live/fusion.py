"""Score fusion: an attempt is accepted when the mean logit of its latest frames reaches the threshold.

The FAR of a single frame holds for one comparison. An attempt makes many, and taking the best of them would multiply
false accepts; the mean of five does so much less, since the noise of single frames averages out.

Measured (benchmarks/attempts.py; single-frame FAR asked 0.1 %, 180 test identities of CelebA, 10 images enrolled). With
20 different photos of one person as the frames of an attempt, the FAR per attempt is 1.6 % when any frame may accept,
0.34 % for 2 of 3, 0.12 % for 3 of 5, 0.45 % for a sequential test that takes frames for independent, and 0.095 % (0.056
to 0.15) for the mean of five, which missed none of 106 genuine attempts; five of five misses 2.8 %. Frames of a camera
are more alike, so their mean removes less: with 30 frames made of one photo each, the FAR per attempt is ATTEMPT_FACTOR
times that of a single frame. Events carry this higher figure.
"""

import math
from collections import deque
from dataclasses import dataclass

from facedge.bundle import Calibration
from facedge.runtime.decision import FarEvidence

LIMIT = 20.0  # of one frame's logit, either sign: float32 saturates beyond it, and no frame may outweigh ten others

# FAR of an attempt of 30 frames over that of its single frames, with the 95 % interval by bootstrap over identities:
# the highest found for 1, 3 and 10 enrolled images at 0.1 and 1 % (1.31 to 1.40); 56,922 impostor attempts, each of one
# photo that was moved, blurred, lit differently and made noisy 30 times, 180 test identities.
ATTEMPT_FACTOR, ATTEMPT_FACTOR_LOW95, ATTEMPT_FACTOR_UPPER95 = 1.40, 1.20, 1.63


@dataclass(frozen=True)
class FusionRule:
    """window: frames whose mean decides; patience: scored frames after which an attempt is rejected."""

    window: int = 5
    patience: int = 30


class Attempt:
    """The scored frames of one person in front of the camera."""

    def __init__(self, threshold: float, rule: FusionRule, *, earlier: int = 0) -> None:
        """`threshold` is the bundle's, a probability; `earlier` frames of other faces count for the patience too."""
        self._threshold, self._rule = logit(threshold), rule
        self._latest: deque[float] = deque(maxlen=rule.window)
        self.frames = earlier

    def add(self, score: float) -> None:
        """Add one frame's score, a probability."""
        self._latest.append(max(-LIMIT, min(LIMIT, logit(score))))
        self.frames += 1

    @property
    def fused(self) -> float | None:
        """The fused score, a probability like a single one; None before the first frame."""
        return sigmoid(self._mean) if self._latest else None

    @property
    def full(self) -> bool:
        """Whether there are enough frames to decide."""
        return len(self._latest) == self._rule.window

    @property
    def accepted(self) -> bool:
        """Whether the fused score reaches the threshold; False until there are enough frames."""
        return self.full and self._mean >= self._threshold

    @property
    def exhausted(self) -> bool:
        """Whether the patience is used up without an accept."""
        return self.frames >= self._rule.patience and not self.accepted

    @property
    def _mean(self) -> float:
        return math.fsum(self._latest) / len(self._latest)


@dataclass(frozen=True)
class AttemptFar:
    """An estimate of the FAR of a whole attempt by one impostor: the share of attempts of 30 frames with an accept.

    Attributes:
        value: the FAR asked of a single comparison, times ATTEMPT_FACTOR
        low95: the lower end of the single comparison's 95 % interval times that of the factor: no narrower than 95 %
        upper95: the same with the upper ends
        single: the FAR that was asked of a single comparison

    The factor was measured on photos made into frames, not on attempts before a camera.
    """

    value: float
    low95: float
    upper95: float
    single: float

    def to_record(self) -> dict[str, float]:
        """As JSON, rounded to three significant digits."""
        found = {"value": self.value, "low95": self.low95, "upper95": self.upper95, "single_comparison": self.single}
        return {name: float(f"{rate:.3g}") for name, rate in found.items()}


def estimate_attempt_far(calibration: Calibration | None, far: FarEvidence) -> AttemptFar | None:
    """The estimate at the threshold in force, whose evidence is `far`; None where the calibration has no such point."""
    if calibration is None or far.target is None:
        return None
    intervals = {(p.far_target, p.far_upper95): p.far_low95 for p in calibration.points}
    intervals[calibration.far_target, calibration.far_upper95] = calibration.far_low95
    low = intervals.get((far.target, far.upper95 or 0.0))
    if low is None or far.upper95 is None:
        return None
    upper = min(1.0, far.upper95 * ATTEMPT_FACTOR_UPPER95)
    return AttemptFar(min(1.0, far.target * ATTEMPT_FACTOR), low * ATTEMPT_FACTOR_LOW95, upper, far.target)


def logit(p: float) -> float:
    """log(p / (1 - p)), plus or minus infinity at the ends."""
    return math.inf if p >= 1 else -math.inf if p <= 0 else math.log(p / (1 - p))


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)) without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
