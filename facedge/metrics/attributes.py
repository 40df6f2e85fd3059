"""Figures of attribute predictions beside the majority guess, which is right on 80 % of CelebA's labels already."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facedge.errors import InputError
from facedge.metrics.checks import finite_or_none, same_length, scores_1d
from facedge.metrics.verification import auc
from facedge.types import BoolArray, Float64Array, Int64Array, UInt8Array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class AttributeMetrics:
    """Figures of each attribute, float64 (A,), NaN where a class is missing and the figure has no meaning.

    accuracy: share of labels predicted correctly at probability >= 0.5. majority_accuracy: the same for always guessing
    the majority. balanced_accuracy: mean of the shares of present and of absent labels predicted correctly. f1: of the
    label "present". auc: area under the ROC. calibration_error: expected calibration error of the probability.
    """

    names: tuple[str, ...]
    positives: Int64Array
    images: int
    accuracy: Float64Array
    majority_accuracy: Float64Array
    balanced_accuracy: Float64Array
    f1: Float64Array
    auc: Float64Array
    calibration_error: Float64Array

    def mean(self, figure: str) -> float:
        """The mean of one figure over the attributes for which it is defined."""
        values: Float64Array = getattr(self, figure)
        return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")

    def rows(self) -> list[dict[str, Any]]:
        """One dict an attribute; a figure without meaning is None (NaN is not JSON)."""
        figures = ("accuracy", "majority_accuracy", "balanced_accuracy", "f1", "auc", "calibration_error")
        return [
            {"name": name, "positives": int(self.positives[k])}
            | {figure: finite_or_none(getattr(self, figure)[k]) for figure in figures}
            for k, name in enumerate(self.names)
        ]


def majority_guess(labels: "ArrayLike") -> UInt8Array:
    """The more frequent value of each attribute in labels (N, A) of 0 and 1; a tie guesses 0. uint8 (A,).

    Compute it on the train partition: on the labels that it is evaluated on, it would be a little too good.
    """
    frequency: Float64Array = _labels(labels).mean(axis=0)
    return np.asarray(frequency > 0.5, dtype=np.uint8)


def attribute_metrics(
    probabilities: "ArrayLike",
    labels: "ArrayLike",
    *,
    majority: "ArrayLike | None" = None,
    names: tuple[str, ...] | None = None,
) -> AttributeMetrics:
    """Figures of probabilities (N, A) against labels (N, A) of 0 and 1.

    `majority`: the guess (A,) to compare with, from `majority_guess` of the *train* labels; None computes it on
    these labels, the strongest such guess there is.
    """
    truth = _labels(labels)
    p = np.asarray(probabilities, dtype=np.float64)
    if p.shape != truth.shape:
        raise InputError(f"probabilities and labels must have one shape (N, A), got {p.shape} and {truth.shape}")
    if not ((p >= 0) & (p <= 1)).all():
        raise InputError("attribute probabilities must lie in 0..1: apply the sigmoid to logits first")
    guess = majority_guess(truth) if majority is None else np.asarray(majority, dtype=np.uint8)
    known = names or tuple(f"attribute_{k}" for k in range(truth.shape[1]))
    if guess.shape != (truth.shape[1],) or len(known) != truth.shape[1]:
        raise InputError(f"{truth.shape[1]} attributes came with {guess.size} guesses and {len(known)} names")
    predicted = p >= 0.5
    present = truth == 1
    return AttributeMetrics(
        names=tuple(known),
        positives=present.sum(axis=0),
        images=len(truth),
        accuracy=(predicted == present).mean(axis=0),
        majority_accuracy=(guess == truth).mean(axis=0),
        balanced_accuracy=(_share(predicted & present, present) + _share(~predicted & ~present, ~present)) / 2,
        f1=_f1(predicted, present),
        auc=_per_column(p, present, _auc_of),
        calibration_error=_per_column(p, present, expected_calibration_error),
    )


def expected_calibration_error(probabilities: "ArrayLike", outcomes: "ArrayLike", bins: int = 15) -> float:
    """The mean distance of probability (N,) and frequency of outcomes (N,) over equal-width bins, weighted by count.

    0 is perfect. Fifteen bins after C. Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    p = scores_1d(probabilities, "probabilities").astype(np.float64)
    y = scores_1d(np.asarray(outcomes, dtype=np.float64), "outcomes").astype(np.float64)
    same_length(p, y, "probabilities and outcomes")
    if p.min() < 0 or p.max() > 1 or not np.isin(y, (0.0, 1.0)).all():
        raise InputError("probabilities must lie in 0..1 and outcomes must be 0 or 1")
    if bins < 1:
        raise InputError(f"the calibration error needs at least one bin, got {bins}")
    bin_of = np.minimum((p * bins).astype(np.int64), bins - 1)
    gap = np.bincount(bin_of, weights=p - y, minlength=bins)  # sum of (p - y) in the bin = count * (confidence - rate)
    return float(np.abs(gap).sum() / len(p))


def _labels(labels: "ArrayLike") -> UInt8Array:
    array = np.asarray(labels)
    if array.ndim != 2 or array.size == 0:
        raise InputError(f"attribute labels must be a non-empty (N, A) array, got shape {array.shape}")
    if not np.isin(array, (0, 1)).all():
        raise InputError("attribute labels must be 0 or 1 (the official file's -1 means 0)")
    return array.astype(np.uint8)


def _share(hits: BoolArray, of: BoolArray) -> Float64Array:
    total = of.sum(axis=0)
    share = np.full(len(total), np.nan)
    np.divide(hits.sum(axis=0), total, out=share, where=total > 0)
    return share


def _f1(predicted: BoolArray, present: BoolArray) -> Float64Array:
    """2 TP / (2 TP + FP + FN); NaN where no label is present, since no prediction could then be right."""
    true = (predicted & present).sum(axis=0)
    both = predicted.sum(axis=0) + present.sum(axis=0)
    f1 = np.full(len(both), np.nan)
    np.divide(2.0 * true, both, out=f1, where=present.any(axis=0))
    return f1


def _auc_of(p: Float64Array, present: BoolArray) -> float:
    return auc(p[present], p[~present]) if present.any() and not present.all() else float("nan")


def _per_column(
    p: Float64Array, present: BoolArray, figure: Callable[[Float64Array, BoolArray], float]
) -> Float64Array:
    return np.array([figure(p[:, k], present[:, k]) for k in range(p.shape[1])], dtype=np.float64)
