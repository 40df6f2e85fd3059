"""The EER over comparisons, with its interval by identity."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facedge.metrics import bootstrap
from facedge.metrics.bootstrap import REPLICATES
from facedge.metrics.comparisons import Comparisons
from facedge.metrics.curves import equal_error_rate, error_curve


@dataclass(frozen=True)
class EerEstimate:
    """The EER, its threshold and its 95 % interval by identity."""

    eer: float
    threshold: float
    low95: float
    high95: float


def eer_interval(
    comparisons: Comparisons, *, steps: int = 48, replicates: int = REPLICATES, seed: int = 0
) -> EerEstimate:
    """The exact EER with its 95 % interval.

    Replicates read FAR and FRR at `steps` thresholds near the EER and join them with straight lines.
    """
    genuine, impostor = comparisons.split()
    eer, threshold = equal_error_rate(error_curve(genuine.scores, impostor.scores))
    grid = _thresholds_around(genuine.scores, impostor.scores, eer, steps)
    weights = bootstrap.draw(len(comparisons.identities), replicates, seed)
    far = _rates_on_grid(weights, impostor, comparisons.identities, grid)
    frr = 1.0 - _rates_on_grid(weights, genuine, comparisons.identities, grid)
    low, high = bootstrap.percentile_interval(_crossings(far, frr))
    return EerEstimate(eer, threshold, min(low, eer), max(high, eer))


def _thresholds_around(
    genuine: npt.NDArray[Any], impostor: npt.NDArray[Any], eer: float, steps: int
) -> npt.NDArray[np.floating[Any]]:
    """Thresholds between the ones that give a third and three times the EER on either side, and a little beyond."""
    span = np.clip(np.array([eer / 3 - 0.01, eer * 3 + 0.03]), 0.0, 1.0)
    ends = np.concatenate((np.quantile(genuine, span), np.quantile(impostor, 1 - span)))
    return np.linspace(ends.min(), ends.max(), steps)


def _rates_on_grid(
    weights: npt.NDArray[np.float32],
    comparisons: Comparisons,
    known: npt.NDArray[Any],
    grid: npt.NDArray[np.floating[Any]],
) -> npt.NDArray[np.float64]:
    """Share accepted at each threshold in each replicate, (replicates, steps)."""
    pairs = comparisons.pairs
    columns = bootstrap.places(known, bootstrap.distinct(comparisons.left, comparisons.right))
    own = np.ascontiguousarray(weights[:, columns])
    bins = np.searchsorted(grid, comparisons.scores, side="right")  # how many thresholds accept it
    table = np.bincount(pairs.pair_of * (len(grid) + 1) + bins, minlength=pairs.pairs * (len(grid) + 1))
    accepted = np.cumsum(table.reshape(pairs.pairs, -1)[:, ::-1], axis=1)[:, ::-1].astype(np.float64)
    rates = [bootstrap.resampled_rates(own, pairs, accepted[:, k + 1], accepted[:, 0]) for k in range(len(grid))]
    return np.stack(rates, axis=1)


def _crossings(far: npt.NDArray[np.float64], frr: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
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
