"""FAR and FRR over every threshold, exactly, ties included; ROC/DET points, EER and AUC from them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facedge.errors import InputError
from facedge.metrics._checks import scores_1d

Float64Array = npt.NDArray[np.float64]


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


def error_curve(genuine: npt.ArrayLike, impostor: npt.ArrayLike) -> ErrorCurve:
    """The exact curve of genuine scores (G,) and impostor scores (I,): sorts once, 7 million scores take a second.

    Raises InputError on empty arrays and on scores that are not finite.
    """
    g, i = np.sort(scores_1d(genuine, "genuine scores")), np.sort(scores_1d(impostor, "impostor scores"))
    thresholds = np.append(np.unique(np.concatenate((g, i))), np.inf)
    far, frr = _rates(g, i, thresholds)
    return ErrorCurve(thresholds.astype(np.float64), far, frr)


def rates_at(threshold: float, genuine: npt.ArrayLike, impostor: npt.ArrayLike) -> tuple[float, float]:
    """(FAR, FRR) at one threshold; accepted means score >= threshold."""
    g, i = scores_1d(genuine, "genuine scores"), scores_1d(impostor, "impostor scores")
    return float(np.mean(i >= threshold)), float(np.mean(g < threshold))


def _rates(
    g: npt.NDArray[np.floating], i: npt.NDArray[np.floating], at: npt.NDArray[np.floating]
) -> tuple[Float64Array, Float64Array]:
    """FAR and FRR of *sorted* scores at each threshold."""
    far = (len(i) - np.searchsorted(i, at, side="left")) / len(i)
    frr = np.searchsorted(g, at, side="left") / len(g)
    return far, frr


def equal_error_rate(curve: ErrorCurve) -> tuple[float, float]:
    """(EER, threshold): where the straight lines through neighbouring points of the curve cross FAR = FRR.

    With few scores FAR and FRR jump past one another; the crossing of the joining line is the EER used here (the
    trapezoidal ROC). The threshold is the lowest score at which FAR is no longer above FRR. Swapping the two sorts of
    scores and turning their signs gives the same EER.
    """
    gap = curve.far - curve.frr  # falls from 1 (accept all) to -1 (accept none)
    k = int(np.argmax(gap <= 0))
    share = gap[k - 1] / (gap[k - 1] - gap[k])
    eer = curve.far[k - 1] + share * (curve.far[k] - curve.far[k - 1])
    return float(eer), float(curve.thresholds[k])


def auc(genuine: npt.ArrayLike, impostor: npt.ArrayLike) -> float:
    """Area under the ROC: the chance that a genuine score beats an impostor score, a tie counting half.

    Equal to the Mann-Whitney statistic (J. A. Hanley and B. J. McNeil, Radiology 143, 1982).
    """
    g, i = scores_1d(genuine, "genuine scores"), np.sort(scores_1d(impostor, "impostor scores"))
    below = np.searchsorted(i, g, side="left").sum(dtype=np.float64)
    ties_too = np.searchsorted(i, g, side="right").sum(dtype=np.float64)
    return float((below + ties_too) / 2 / len(g) / len(i))
