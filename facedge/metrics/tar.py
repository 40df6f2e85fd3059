"""The TAR at a FAR, with the interval of doing it all again with other people."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facedge.metrics import bootstrap
from facedge.metrics.bootstrap import REPLICATES
from facedge.metrics.comparisons import Comparisons
from facedge.metrics.operating import Threshold, choose_threshold


@dataclass(frozen=True)
class TarAtFar:
    """The TAR at a target FAR; its interval moves the threshold with each replicate, as choosing it anew would."""

    tar: float
    low95: float
    high95: float
    threshold: Threshold

    def to_dict(self) -> dict[str, Any]:
        """The keys of report.json: tar, low95, high95, then the threshold and the FAR that it realised."""
        far = {f"far_{key}" if key != "far" else key: value for key, value in self.threshold.estimate.to_dict().items()}
        return {
            "tar": self.tar,
            "low95": self.low95,
            "high95": self.high95,
            "threshold": self.threshold.threshold,
            **{key: far[key] for key in ("far", "far_low95", "far_high95", "far_accepted", "far_accepted_pairs")},
        }


def tar_at_far(comparisons: Comparisons, far: float, *, replicates: int = REPLICATES, seed: int = 0) -> TarAtFar:
    """The TAR at a FAR over comparisons, each replicate choosing its own threshold anew.

    Raises InputError where genuine or impostor comparisons are missing, and for a FAR that the identities do not
    support.
    """
    genuine, impostor = comparisons.split()
    chosen = choose_threshold(impostor.scores, far, impostor.pairs, replicates=replicates, seed=seed)
    tars = _resampled_tars(genuine, impostor, comparisons.identities, far, replicates, seed)
    low, high = bootstrap.percentile_interval(tars)
    return TarAtFar(float(np.mean(genuine.scores >= chosen.threshold)), low, high, chosen)


def _resampled_tars(
    genuine: Comparisons,
    impostor: Comparisons,
    known: npt.NDArray[Any],
    far: float,
    replicates: int,
    seed: int,
) -> npt.NDArray[np.float64]:
    """TAR of each replicate at the threshold that it would choose for itself."""
    weights = bootstrap.draw(len(known), replicates, seed)
    totals = _impostor_totals(weights, impostor, known)
    limits = _first_turned_away(weights, impostor, known, far * totals)
    tars = _weighted_shares_above(weights, genuine, known, limits)
    tars[totals == 0] = np.nan
    return tars


def _weighted_shares_above(
    weights: npt.NDArray[np.float32], genuine: Comparisons, known: npt.NDArray[Any], limits: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """The weighted share of genuine scores strictly above the limit of each replicate, (replicates,)."""
    order = np.argsort(limits, kind="stable")
    below = np.searchsorted(limits[order], genuine.scores, side="left")  # how many replicates' limits it beats
    owner = bootstrap.places(known, genuine.left)
    table = np.bincount(owner * (len(limits) + 1) + below, minlength=len(known) * (len(limits) + 1))
    beaten = np.cumsum(table.reshape(len(known), -1)[:, ::-1], axis=1)[:, ::-1]  # (K, replicates + 1), from k limits on
    rank = np.empty(len(limits), dtype=np.int64)
    rank[order] = np.arange(len(limits))
    passing = np.einsum("bk,kb->b", weights, beaten[:, rank + 1], dtype=np.float64)
    total = weights.astype(np.float64) @ beaten[:, 0]
    shares = np.full(len(limits), np.nan)
    np.divide(passing, total, out=shares, where=total > 0)
    return shares


def _impostor_totals(
    weights: npt.NDArray[np.float32], impostor: Comparisons, known: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    columns = bootstrap.places(known, bootstrap.distinct(impostor.left, impostor.right))
    return bootstrap.weighted_totals(np.ascontiguousarray(weights[:, columns]), impostor.pairs, impostor.pairs.counts())


def _first_turned_away(
    weights: npt.NDArray[np.float32],
    impostor: Comparisons,
    known: npt.NDArray[Any],
    allowed: npt.NDArray[np.float64],
) -> npt.NDArray[np.floating[Any]]:
    """The highest impostor score (replicates,) that a replicate must turn away to let at most `allowed` weight in.

    Only the top of the impostors can matter: start there, and take twice as many while some replicate wants more.
    """
    scores, n = impostor.scores, len(impostor.scores)
    top = min(n, int(1.3 * allowed.max(initial=1.0)) + 64)
    while True:
        best = np.argpartition(scores, n - top)[n - top :]
        best = best[np.argsort(-scores[best])]
        left, right = (bootstrap.places(known, side[best]) for side in (impostor.left, impostor.right))
        burst = _burst_index(weights, left, right, allowed)
        if top == n or (burst < top).all():
            ranked = np.append(scores[best], scores.dtype.type(-np.inf))
            return ranked[burst]
        top = min(n, 2 * top)


def _burst_index(
    weights: npt.NDArray[np.float32],
    left: npt.NDArray[Any],
    right: npt.NDArray[Any],
    allowed: npt.NDArray[np.float64],
) -> npt.NDArray[np.int64]:
    """The first rank at which the running weight exceeds `allowed`; the number of ranks where it never does."""
    step = max(1, 4_000_000 // len(left))
    index = np.empty(len(weights), dtype=np.int64)
    for start in range(0, len(weights), step):
        rows = slice(start, start + step)
        running = np.cumsum(weights[rows][:, left] * weights[rows][:, right], axis=1, dtype=np.float64)
        index[rows] = (running <= allowed[rows, None] + 1e-9).sum(axis=1)
    return index
