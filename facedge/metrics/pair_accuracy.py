"""Accuracy on a list of pairs, the threshold chosen on other pairs (the protocol of Labeled Faces in the Wild).

Source: G. B. Huang, M. Ramesh, T. Berg and E. Learned-Miller, "Labeled Faces in the Wild", UMass technical report
07-49 (2007): View 1 chooses on pairsDevTrain and reports on pairsDevTest, View 2 leaves out one of ten folds at a time.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facedge.errors import InputError
from facedge.metrics.checks import same_length
from facedge.metrics.comparisons import Comparisons
from facedge.metrics.intervals import DEFAULT_BOOTSTRAP, Bootstrap, own_weights, percentile_interval, resampled_rates
from facedge.metrics.verification import error_curve
from facedge.types import BoolArray, Float64Array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class PairAccuracy:
    """Share of pairs classified correctly, its 95 % interval, the threshold, and the counts behind it."""

    accuracy: float
    low95: float
    high95: float
    threshold: float
    genuine: int
    impostor: int
    identities: int


def best_threshold(comparisons: Comparisons) -> float:
    """The threshold with the most correct decisions, half-way between two scores; of equals, the middle one."""
    genuine, impostor = comparisons.split()
    curve = error_curve(genuine.scores, impostor.scores)
    wrong = np.rint(curve.far * len(impostor.scores) + curve.frr * len(genuine.scores))
    best = np.flatnonzero(wrong == wrong.min())
    k = int(best[len(best) // 2])
    upper = curve.thresholds[k] if k < len(curve.thresholds) - 1 else curve.thresholds[k - 1] + 1.0
    return float((curve.thresholds[k - 1] + upper) / 2) if k else float(upper)


def transferred_accuracy(
    train: Comparisons, test: Comparisons, bootstrap: Bootstrap = DEFAULT_BOOTSTRAP
) -> PairAccuracy:
    """Accuracy on `test` at the threshold chosen on `train`; the bootstrap draws the identities of `test`."""
    threshold = best_threshold(train)
    right = (test.scores >= threshold) == test.genuine
    low, high = _accuracy_interval(test, right, bootstrap)
    return PairAccuracy(
        accuracy=float(right.mean()),
        low95=low,
        high95=high,
        threshold=threshold,
        genuine=int(test.genuine.sum()),
        impostor=int((~test.genuine).sum()),
        identities=len(test.identities),
    )


def kfold_accuracy(comparisons: Comparisons, folds: "ArrayLike") -> tuple[PairAccuracy, Float64Array]:
    """Mean accuracy over folds int (N,), each judged at the threshold of all the others, and the folds' accuracies.

    The interval is the mean plus and minus 1.96 standard errors over the folds, as the protocol reports it.
    """
    fold_of = np.asarray(folds)
    same_length(comparisons.scores, fold_of, "folds")
    known = np.unique(fold_of)
    if len(known) < 2:
        raise InputError(f"cross-validation needs at least two folds, got {len(known)}")
    thresholds = [best_threshold(comparisons.where(fold_of != fold)) for fold in known]
    parts = [comparisons.where(fold_of == fold) for fold in known]
    each = np.array([np.mean((p.scores >= t) == p.genuine) for p, t in zip(parts, thresholds, strict=True)])
    margin = 1.96 * float(each.std(ddof=1)) / len(known) ** 0.5
    mean = float(each.mean())
    summary = PairAccuracy(
        accuracy=mean,
        low95=max(0.0, mean - margin),
        high95=min(1.0, mean + margin),
        threshold=float(np.mean(thresholds)),
        genuine=int(comparisons.genuine.sum()),
        impostor=int((~comparisons.genuine).sum()),
        identities=len(comparisons.identities),
    )
    return summary, each


def _accuracy_interval(test: Comparisons, right: BoolArray, bootstrap: Bootstrap) -> tuple[float, float]:
    """Genuine and impostor pairs keep their shares in each replicate; the identities behind them are resampled."""
    weights = bootstrap.draw(len(test.identities))
    total = np.zeros(bootstrap.replicates)
    for kind in (test.genuine, ~test.genuine):
        if kind.any():
            part = test.where(kind)
            own = own_weights(weights, part, test.identities)
            total += resampled_rates(own, part.pairs, part.pairs.counts(right[kind]), part.pairs.counts()) * kind.mean()
    return percentile_interval(total)
