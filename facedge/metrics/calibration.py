"""Whether a probability means what it says: of the cases given 0.8, eight in ten should be so."""

import numpy as np
import numpy.typing as npt

from facedge.errors import InputError
from facedge.metrics._checks import same_length, scores_1d


def expected_calibration_error(probabilities: npt.ArrayLike, outcomes: npt.ArrayLike, bins: int = 15) -> float:
    """The mean distance of probability (N,) and frequency of outcomes (N,) over equal-width bins, weighted by count.

    0 is perfect. Fifteen bins after C. Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    p, y = _checked(probabilities, outcomes)
    if bins < 1:
        raise InputError(f"the calibration error needs at least one bin, got {bins}")
    bin_of = np.minimum((p * bins).astype(np.int64), bins - 1)
    gap = np.bincount(bin_of, weights=p - y, minlength=bins)  # sum of (p - y) in the bin = count * (confidence - rate)
    return float(np.abs(gap).sum() / len(p))


def brier_score(probabilities: npt.ArrayLike, outcomes: npt.ArrayLike) -> float:
    """The mean squared distance of probability and outcome (G. W. Brier, Monthly Weather Review 78, 1950)."""
    p, y = _checked(probabilities, outcomes)
    return float(np.mean((p - y) ** 2))


def _checked(
    probabilities: npt.ArrayLike, outcomes: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    p = scores_1d(probabilities, "probabilities").astype(np.float64)
    y = scores_1d(np.asarray(outcomes, dtype=np.float64), "outcomes").astype(np.float64)
    same_length(p, y, "probabilities and outcomes")
    if p.min() < 0 or p.max() > 1 or not np.isin(y, (0.0, 1.0)).all():
        raise InputError("probabilities must lie in 0..1 and outcomes must be 0 or 1")
    return p, y
