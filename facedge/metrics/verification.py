"""Verification figures: FAR and FRR at every threshold, EER, AUC, and the TAR at a FAR with its interval."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facedge.errors import InputError
from facedge.metrics.checks import scores_1d
from facedge.metrics.comparisons import Comparisons, places
from facedge.metrics.intervals import (
    DEFAULT_BOOTSTRAP,
    Bootstrap,
    own_weights,
    percentile_interval,
    resampled_rates,
    weighted_totals,
)
from facedge.metrics.thresholds import Threshold, choose_threshold, lowest_threshold
from facedge.types import AnyArray, Float32Array, Float64Array, FloatArray, Int64Array

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


@dataclass(frozen=True)
class TarAtFar:
    """The TAR at a target FAR; each bootstrap replicate chooses its own threshold, so the interval includes that."""

    tar: float
    low95: float
    high95: float
    threshold: Threshold

    def to_dict(self) -> dict[str, Any]:
        """The keys of report.json: tar, low95, high95, then the threshold and the FAR that it realised."""
        estimate = self.threshold.estimate
        return {
            "tar": self.tar,
            "low95": self.low95,
            "high95": self.high95,
            "threshold": self.threshold.threshold,
            "far": estimate.far,
            "far_low95": estimate.low95,
            "far_high95": estimate.high95,
            "far_accepted": estimate.accepted,
            "far_accepted_pairs": estimate.accepted_pairs,
        }


@dataclass(frozen=True)
class EerEstimate:
    """The EER (equal error rate), its threshold and its 95 % interval by identity."""

    eer: float
    threshold: float
    low95: float
    high95: float


def true_accept_rate(genuine: FloatArray, impostor: FloatArray, far: float) -> float:
    """The TAR of genuine scores (G,) at the lowest threshold that accepts at most `far` of impostor scores (I,).

    No interval, and no check whether the identities support that FAR: for figures of models that are compared on the
    same images, such as the epochs of a training run.
    """
    return float(np.mean(genuine >= lowest_threshold(impostor, far)))


def tar_at_far(comparisons: Comparisons, far: float, bootstrap: Bootstrap = DEFAULT_BOOTSTRAP) -> TarAtFar:
    """The TAR at a FAR with its 95 % interval, in which each replicate chooses its own threshold.

    Raises InputError where genuine or impostor comparisons are missing, and for a FAR that the identities do not
    support.
    """
    genuine, impostor = comparisons.split()
    chosen = choose_threshold(impostor.scores, far, impostor.pairs, bootstrap)
    low, high = percentile_interval(resampled_tars(comparisons, far, bootstrap))
    return TarAtFar(float(np.mean(genuine.scores >= chosen.threshold)), low, high, chosen)


def resampled_tars(comparisons: Comparisons, far: float, bootstrap: Bootstrap) -> Float64Array:
    """The TAR of each replicate at the threshold chosen on that replicate, (replicates,); NaN without impostors."""
    genuine, impostor = comparisons.split()
    known = comparisons.identities
    weights = bootstrap.draw(len(known))
    totals = weighted_totals(own_weights(weights, impostor, known), impostor.pairs, impostor.pairs.counts())
    limits = _highest_rejected(weights, impostor, known, far * totals)
    tars = _weighted_shares_above(weights, genuine, known, limits)
    tars[totals == 0] = np.nan
    return tars


def _weighted_shares_above(
    weights: Float32Array, genuine: Comparisons, known: AnyArray, limits: FloatArray
) -> Float64Array:
    """The weighted share of genuine scores strictly above the limit of each replicate, (replicates,)."""
    order = np.argsort(limits, kind="stable")
    below = np.searchsorted(limits[order], genuine.scores, side="left")  # how many replicates' limits are lower
    owner = places(known, genuine.left)
    table = np.bincount(owner * (len(limits) + 1) + below, minlength=len(known) * (len(limits) + 1))
    exceeded = np.cumsum(table.reshape(len(known), -1)[:, ::-1], axis=1)[:, ::-1]  # (K, replicates + 1), from k on
    rank = np.empty(len(limits), dtype=np.int64)
    rank[order] = np.arange(len(limits))
    passing = np.einsum("bk,kb->b", weights, exceeded[:, rank + 1], dtype=np.float64)
    total = weights.astype(np.float64) @ exceeded[:, 0]
    shares = np.full(len(limits), np.nan)
    np.divide(passing, total, out=shares, where=total > 0)
    return shares


def _highest_rejected(weights: Float32Array, impostor: Comparisons, known: AnyArray, allowed: Float64Array) -> AnyArray:
    """The highest impostor score (replicates,) that a replicate must reject to accept at most `allowed` weight.

    Only the highest impostor scores can matter: start with those, and double their number while a replicate needs more.
    """
    scores, n = impostor.scores, len(impostor.scores)
    top = min(n, int(1.3 * allowed.max(initial=1.0)) + 64)
    while True:
        best = np.argpartition(scores, n - top)[n - top :]
        best = best[np.argsort(-scores[best])]
        left, right = (places(known, side[best]) for side in (impostor.left, impostor.right))
        rank = _first_rank_over(weights, left, right, allowed)
        if top == n or (rank < top).all():
            ranked = np.append(scores[best], scores.dtype.type(-np.inf))
            return ranked[rank]
        top = min(n, 2 * top)


def _first_rank_over(weights: Float32Array, left: Int64Array, right: Int64Array, allowed: Float64Array) -> Int64Array:
    """The first rank at which the running weight exceeds `allowed`; the number of ranks where it never does."""
    step = max(1, 4_000_000 // len(left))
    index = np.empty(len(weights), dtype=np.int64)
    for start in range(0, len(weights), step):
        rows = slice(start, start + step)
        running = np.cumsum(weights[rows][:, left] * weights[rows][:, right], axis=1, dtype=np.float64)
        index[rows] = (running <= allowed[rows, None] + 1e-9).sum(axis=1)
    return index


def eer_interval(comparisons: Comparisons, bootstrap: Bootstrap = DEFAULT_BOOTSTRAP, *, steps: int = 48) -> EerEstimate:
    """The exact EER with its 95 % interval.

    Replicates compute FAR and FRR at `steps` thresholds near the EER and interpolate linearly between them.
    """
    genuine, impostor = comparisons.split()
    eer, threshold = equal_error_rate(error_curve(genuine.scores, impostor.scores))
    grid = _thresholds_around(genuine.scores, impostor.scores, eer, steps)
    weights = bootstrap.draw(len(comparisons.identities))
    far = _rates_on_grid(weights, impostor, comparisons.identities, grid)
    frr = 1.0 - _rates_on_grid(weights, genuine, comparisons.identities, grid)
    low, high = percentile_interval(_crossings(far, frr))
    return EerEstimate(eer, threshold, min(low, eer), max(high, eer))


def _thresholds_around(genuine: FloatArray, impostor: FloatArray, eer: float, steps: int) -> FloatArray:
    """Thresholds between the ones that give a third and three times the EER on either side, and a little beyond."""
    span = np.clip(np.array([eer / 3 - 0.01, eer * 3 + 0.03]), 0.0, 1.0)
    ends = np.concatenate((np.quantile(genuine, span), np.quantile(impostor, 1 - span)))
    return np.linspace(ends.min(), ends.max(), steps)


def _rates_on_grid(weights: Float32Array, part: Comparisons, known: AnyArray, grid: FloatArray) -> Float64Array:
    """Share accepted at each threshold in each replicate, (replicates, steps)."""
    pairs = part.pairs
    own = own_weights(weights, part, known)
    bins = np.searchsorted(grid, part.scores, side="right")  # how many thresholds accept it
    table = np.bincount(pairs.pair_of * (len(grid) + 1) + bins, minlength=pairs.pairs * (len(grid) + 1))
    accepted = np.cumsum(table.reshape(pairs.pairs, -1)[:, ::-1], axis=1)[:, ::-1].astype(np.float64)
    rates = [resampled_rates(own, pairs, accepted[:, k + 1], accepted[:, 0]) for k in range(len(grid))]
    return np.stack(rates, axis=1)


def _crossings(far: Float64Array, frr: Float64Array) -> Float64Array:
    """Where each row's FAR and FRR cross, joined straight between thresholds; NaN where they do not."""
    gap = far - frr
    after = np.argmax(gap <= 0, axis=1)
    rows = np.arange(len(gap))
    crossed = (gap[rows, after] <= 0) & (after > 0)
    before = np.maximum(after - 1, 0)
    drop = gap[rows, before] - gap[rows, after]
    share = np.divide(gap[rows, before], drop, out=np.zeros(len(gap)), where=drop != 0)
    eers = far[rows, before] + share * (far[rows, after] - far[rows, before])
    return np.where(crossed, eers, np.nan)
