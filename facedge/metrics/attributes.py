"""Attributes: accuracy beside what guessing the majority gives, because on CelebA that guess already scores 80 %."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facedge.errors import InputError
from facedge.metrics.calibration import expected_calibration_error
from facedge.metrics.curves import auc

Float64Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class AttributeMetrics:
    """Figures of each attribute, float64 (A,), NaN where a class is missing and the figure has no meaning.

    accuracy: share of labels hit at probability >= 0.5. majority_accuracy: the same for always guessing the majority.
    balanced_accuracy: mean of the shares of present and of absent labels hit. f1: of the label "present".
    auc: area under the ROC. calibration_error: expected calibration error of the probability.
    """

    names: tuple[str, ...]
    positives: npt.NDArray[np.int64]
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
            | {figure: _plain(getattr(self, figure)[k]) for figure in figures}
            for k, name in enumerate(self.names)
        ]


def majority_guess(labels: npt.ArrayLike) -> Labels:
    """The more frequent value of each attribute in labels (N, A) of 0 and 1; a tie guesses 0. uint8 (A,).

    Learn it on the train partition: learned on the very labels it is judged on, it would know a little of the answer.
    """
    frequency: Float64Array = _labels(labels).mean(axis=0)
    return np.asarray(frequency > 0.5, dtype=np.uint8)


def attribute_metrics(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    majority: npt.ArrayLike | None = None,
    names: tuple[str, ...] | None = None,
) -> AttributeMetrics:
    """Figures of probabilities (N, A) against labels (N, A) of 0 and 1.

    `majority`: the guess (A,) to stand beside, from `majority_guess` of the *train* labels; None learns it on these
    labels, the most flattering guess there can be.
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
    said = p >= 0.5
    present = truth == 1
    return AttributeMetrics(
        names=tuple(known),
        positives=present.sum(axis=0),
        images=len(truth),
        accuracy=(said == present).mean(axis=0),
        majority_accuracy=(guess == truth).mean(axis=0),
        balanced_accuracy=(_share(said & present, present) + _share(~said & ~present, ~present)) / 2,
        f1=_f1(said, present),
        auc=_per_column(p, present, _auc_of),
        calibration_error=_per_column(p, present, expected_calibration_error),
    )


def _labels(labels: npt.ArrayLike) -> Labels:
    array = np.asarray(labels)
    if array.ndim != 2 or array.size == 0:
        raise InputError(f"attribute labels must be a non-empty (N, A) array, got shape {array.shape}")
    if not np.isin(array, (0, 1)).all():
        raise InputError("attribute labels must be 0 or 1 (the official file's -1 means 0)")
    return array.astype(np.uint8)


def _share(hits: npt.NDArray[np.bool_], of: npt.NDArray[np.bool_]) -> Float64Array:
    total = of.sum(axis=0)
    share = np.full(len(total), np.nan)
    np.divide(hits.sum(axis=0), total, out=share, where=total > 0)
    return share


def _f1(said: npt.NDArray[np.bool_], present: npt.NDArray[np.bool_]) -> Float64Array:
    """2 TP / (2 TP + FP + FN); NaN where no label is present, since no answer could then be right."""
    true = (said & present).sum(axis=0)
    both = said.sum(axis=0) + present.sum(axis=0)
    f1 = np.full(len(both), np.nan)
    np.divide(2.0 * true, both, out=f1, where=present.any(axis=0))
    return f1


def _auc_of(p: Float64Array, present: npt.NDArray[np.bool_]) -> float:
    return auc(p[present], p[~present]) if present.any() and not present.all() else float("nan")


def _per_column(
    p: Float64Array, present: npt.NDArray[np.bool_], figure: Callable[[Float64Array, npt.NDArray[np.bool_]], float]
) -> Float64Array:
    return np.array([figure(p[:, k], present[:, k]) for k in range(p.shape[1])], dtype=np.float64)


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
