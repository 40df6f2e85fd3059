"""FAR (false accept rate) and FRR (false reject rate) at every threshold, ties included; ROC, DET, EER and AUC."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facedge.errors import InputError
from facedge.metrics.checks import scores_1d
from facedge.types import Float64Array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class ErrorCurve:
    """FAR and FRR at each distinct score, thresholds rising; the last one, +inf, accepts nothing.

    `thresholds`, `far`, `frr`: float64 (T,). `far` never rises and `frr` never falls along the arrays. The ROC is
    (far, 1 - frr), the DET curve is (far, frr).
    """

    thresholds: Float64Array
    far: Float64Array
    frr: Float64Array

    @property
    def tar(self) -> Float64Array:
        """True accept rate, 1 - FRR."""
        return 1.0 - self.frr

    def thinned(self, points: int = 400) -> "ErrorCurve":
        """A few of the same points for a plot: evenly spread in log FAR and in FRR, both ends kept, none invented."""
        if points < 4:
            raise InputError(f"a thinned curve needs at least 4 points, got {points}")
        floor = self.far[self.far > 0].min()
        half = points // 2
        by_far = np.searchsorted(-self.far, -np.geomspace(1.0, floor, half))
        by_frr = np.searchsorted(self.frr, np.linspace(0.0, 1.0, half))
        keep = np.unique(np.clip(np.concatenate(([0], by_far, by_frr, [len(self.far) - 1])), 0, len(self.far) - 1))
        return ErrorCurve(self.thresholds[keep], self.far[keep], self.frr[keep])


def error_curve(genuine: "ArrayLike", impostor: "ArrayLike") -> ErrorCurve:
    """The exact curve of genuine scores (G,) and impostor scores (I,): sorts once, 7 million scores take a second.

    Raises InputError on empty arrays and on scores that are not finite.
    """
    g, i = np.sort(scores_1d(genuine, "genuine scores")), np.sort(scores_1d(impostor, "impostor scores"))
    thresholds = np.append(np.unique(np.concatenate((g, i))), np.inf)
    far = (len(i) - np.searchsorted(i, thresholds, side="left")) / len(i)
    frr = np.searchsorted(g, thresholds, side="left") / len(g)
    return ErrorCurve(thresholds.astype(np.float64), far, frr)


def equal_error_rate(curve: ErrorCurve) -> tuple[float, float]:
    """(EER, threshold): where the straight lines through neighbouring points of the curve cross FAR = FRR.

    With few scores FAR and FRR jump past one another; the crossing of the joining line is the EER used here (the
    trapezoidal ROC). The threshold is the lowest score at which FAR is no longer above FRR. Swapping genuine and
    impostor and negating all scores gives the same EER.
    """
    gap = curve.far - curve.frr  # falls from 1 (accept all) to -1 (accept none)
    k = int(np.argmax(gap <= 0))
    share = gap[k - 1] / (gap[k - 1] - gap[k])
    eer = curve.far[k - 1] + share * (curve.far[k] - curve.far[k - 1])
    return float(eer), float(curve.thresholds[k])


def auc(genuine: "ArrayLike", impostor: "ArrayLike") -> float:
    """Area under the ROC: the probability that a genuine score exceeds an impostor score, a tie counting half.

    Equal to the Mann-Whitney statistic (J. A. Hanley and B. J. McNeil, Radiology 143, 1982).
    """
    g, i = scores_1d(genuine, "genuine scores"), np.sort(scores_1d(impostor, "impostor scores"))
    below = np.searchsorted(i, g, side="left").sum(dtype=np.float64)
    ties_too = np.searchsorted(i, g, side="right").sum(dtype=np.float64)
    return float((below + ties_too) / 2 / len(g) / len(i))
