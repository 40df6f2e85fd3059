"""Domain shift between the enrolled photos and the cohort: whether the camera separates them, and not the face.

The cohort comes from a data set, the person from a webcam. Where that difference is larger than the one between
people, everybody in front of the webcam is far from the cohort, and a FAR measured on the cohort does not hold there.
"""

from dataclasses import dataclass

import numpy as np

from facedge.enrollment.calibration import Linear
from facedge.types import Float32Array, Float64Array, Int32Array

SHRINKAGE = 0.5  # of the covariance of people's means, of which there are fewer than dimensions
FAR_OUT = 0.99  # share of the cohort's people who lie nearer to the mean of people
ALIKE = 0.97  # mean cosine among the samples: one place, one moment
HARDER = 1.0  # standard deviations by which impostors of the same source score above the cohort


@dataclass(frozen=True)
class SourceCheck:
    """How far the person's photos are from the cohort's.

    percentile  share of the cohort's people who lie nearer to the mean of people, 0..1
    alike       mean cosine between the person's samples; NaN with one sample
    harder      standard deviations by which own impostors outscore the cohort; None without --impostors
    """

    percentile: float
    alike: float
    harder: float | None

    def warnings(self) -> list[str]:
        """One sentence for each problem; empty where there is none."""
        found = []
        if self.harder is not None and self.harder > HARDER:
            found.append(
                f"your impostors score {self.harder:.1f} standard deviations above the cohort: people in front of this "
                "camera are accepted more often than the FAR asked for"
            )
        elif self.harder is None and self.percentile >= FAR_OUT:
            found.append(
                "these photos differ from the cohort's by more than people differ, so the score may depend on the "
                "camera and not on the face: add photos of other people by the same camera with --impostors DIR, for a "
                "FAR that holds there"
            )
        if self.alike > ALIKE:
            found.append(
                "the samples are nearly the same picture, so the FRR holds for this moment only: add photos of other "
                "days and light with --update"
            )
        return found


def check_source(
    enrolled: Float32Array,
    cohort: Float32Array,
    identities: Int32Array,
    own_impostors: Float32Array | None,
    score: Linear,
) -> SourceCheck:
    """Compare enrolled (K, D) with the cohort (N, D) of identities (N,); `score` is the person's."""
    means = _person_means(cohort, identities, len(enrolled))
    mine = enrolled.astype(np.float64).mean(axis=0)
    percentile = float(np.mean(_left_out_distances(means) < _distance(mine, means)))
    harder = None if own_impostors is None else _harder(score.score(own_impostors), score.score(cohort))
    return SourceCheck(percentile, _mean_cosine(enrolled), harder)


def _harder(own: Float64Array, cohort: Float64Array) -> float:
    return float((own.mean() - cohort.mean()) / max(float(cohort.std()), 1e-9))


def _person_means(cohort: Float32Array, identities: Int32Array, images: int) -> Float64Array:
    """The mean of up to `images` rows of each identity: means of few images lie farther out, here as for the person."""
    known = np.unique(identities)
    return np.stack([cohort[identities == person][:images].astype(np.float64).mean(axis=0) for person in known])


def _distance(point: Float64Array, means: Float64Array) -> float:
    """Mahalanobis distance of a point (D,) from the mean of means (P, D), by their shrunk covariance."""
    around = means - means.mean(axis=0)
    covariance = around.T @ around / max(len(means) - 1, 1)
    size = len(covariance)
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * max(float(np.trace(covariance)), 1e-12) / size * np.eye(size)
    off = point - means.mean(axis=0)
    return float(np.sqrt(off @ np.linalg.solve(shrunk, off)))


def _left_out_distances(means: Float64Array) -> Float64Array:
    """The distance of each of means (P, D) from the mean of the others, as `_distance` gives it; (P,).

    Leaving one out changes the scatter matrix by one product d d', so one eigendecomposition and the Sherman-Morrison
    formula give all P: a cohort of 3,000 people takes milliseconds, not a minute.
    """
    count, size = means.shape
    rest = max(count - 2, 1)
    off = means - means.mean(axis=0)
    values, vectors = np.linalg.eigh(off.T @ off)
    step = count / max(count - 1, 1)
    trace = (values.sum() - step * (off**2).sum(axis=1)) / rest  # of each one's covariance of the others
    ridge = SHRINKAGE * np.maximum(trace, 1e-12) / size
    diagonal = (1 - SHRINKAGE) / rest * np.maximum(values, 0) + ridge[:, None]  # (P, D)
    squared = ((off @ vectors) ** 2 / diagonal).sum(axis=1)
    removed = (1 - SHRINKAGE) / rest * step * squared
    return np.asarray(step * np.sqrt(squared / np.maximum(1 - removed, 1e-12)))


def _mean_cosine(enrolled: Float32Array) -> float:
    count = len(enrolled)
    if count < 2:
        return float("nan")
    cosines = enrolled.astype(np.float64) @ enrolled.astype(np.float64).T
    return float((cosines.sum() - np.trace(cosines)) / (count * (count - 1)))
