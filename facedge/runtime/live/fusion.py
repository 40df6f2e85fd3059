"""Many frames, one decision: an attempt is accepted when the mean logit of its latest frames reaches the threshold.

A single frame's FAR holds for one look. An attempt has many looks, and taking the best of them would multiply false
accepts; taking their mean does not, since what remains of a mean is who stands there.

Measured (benchmarks/attempts.py; 18,974 impostor attempts of 20 looks, single-frame FAR asked 0.1 %): the FAR per
attempt is 1.6 % when any frame may accept, 0.34 % for 2 of 3, 0.12 % for 3 of 5, 0.45 % for a sequential test that
takes frames for independent, and 0.095 % (0.056 to 0.15) for the mean of five, which missed none of 106 genuine
attempts; five of five misses 2.8 %. So an attempt is accepted by mistake no more often than one look is asked to be.
"""

import math
from collections import deque
from dataclasses import dataclass

LIMIT = 20.0  # of one frame's logit either way: beyond it float32 knows no difference, and no frame may outvote ten


@dataclass(frozen=True)
class FusionRule:
    """window: frames whose mean decides; patience: scored frames after which an attempt is rejected."""

    window: int = 5
    patience: int = 30


class Attempt:
    """The scored frames of one person who stands before the camera."""

    def __init__(self, threshold: float, rule: FusionRule) -> None:
        """`threshold` is the bundle's, a probability."""
        self._threshold, self._rule = logit(threshold), rule
        self._latest: deque[float] = deque(maxlen=rule.window)
        self.frames = 0

    def add(self, score: float) -> None:
        """One more frame's score, a probability."""
        self._latest.append(max(-LIMIT, min(LIMIT, logit(score))))
        self.frames += 1

    @property
    def fused(self) -> float | None:
        """The fused score, a probability like a single one; None before the first frame."""
        return sigmoid(self._mean) if self._latest else None

    @property
    def judged(self) -> bool:
        """Whether there were enough frames to decide."""
        return len(self._latest) == self._rule.window

    @property
    def accepted(self) -> bool:
        """Whether the latest frames say yes. False until there are enough of them."""
        return self.judged and self._mean >= self._threshold

    @property
    def exhausted(self) -> bool:
        """Whether it took too long to be the right person."""
        return self.frames >= self._rule.patience and not self.accepted

    @property
    def _mean(self) -> float:
        return math.fsum(self._latest) / len(self._latest)


def logit(p: float) -> float:
    """log(p / (1 - p)), plus or minus infinity at the ends."""
    return math.inf if p >= 1 else -math.inf if p <= 0 else math.log(p / (1 - p))


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)) without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
