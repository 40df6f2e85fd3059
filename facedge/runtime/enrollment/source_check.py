"""Does the camera, not the face, do the separating?

The cohort comes from a data set, the person from a webcam. Where that difference is larger than the one between
people, everybody before the webcam is far from the cohort, and a FAR measured on the cohort says little about them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedge.runtime.enrollment.linear import Floats, Linear

SHRINKAGE = 0.5  # of the covariance of people's means, of which there are fewer than dimensions
FAR_OUT = 0.99  # of the cohort's people are nearer to their middle
ALIKE = 0.97  # mean cosine among the samples: one place, one moment
HARDER = 1.0  # deviations by which impostors of one's own source score above the cohort


@dataclass(frozen=True)
class SourceCheck:
    """How unlike the cohort the person's photos are.

    percentile  share of the cohort's people who lie nearer to the middle of people, 0..1
    alike       mean cosine between the person's samples; NaN with one sample
    harder      deviations by which own impostors outscore the cohort; None without --impostors
    """

    percentile: float
    alike: float
    harder: float | None

    def warnings(self) -> list[str]:
        """What the person should know, a sentence each; empty where nothing is wrong."""
        found = []
        if self.harder is not None and self.harder > HARDER:
            found.append(
                f"your impostors score {self.harder:.1f} deviations above the cohort: people before this camera are "
                "accepted more often than the FAR says"
            )
        elif self.harder is None and self.percentile >= FAR_OUT:
            found.append(
                "these photos differ from the cohort's by more than people differ, so the camera may do the "
                "separating: bring photos of others by the same camera with --impostors DIR, and believe the FAR then"
            )
        if self.alike > ALIKE:
            found.append(
                "the samples are nearly the same picture, so the FRR is that of this moment: add photos of other days "
                "and light with --update"
            )
        return found


def check_source(
    enrolled: NDArray[np.float32],
    cohort: NDArray[np.float32],
    identities: NDArray[np.int32],
    own_impostors: NDArray[np.float32] | None,
    score: Linear,
) -> SourceCheck:
    """Compare enrolled (K, D) with the cohort (N, D) of identities (N,); `score` is the person's."""
    means = _person_means(cohort, identities, len(enrolled))
    mine = enrolled.astype(np.float64).mean(axis=0)
    percentile = float(np.mean(_left_out_distances(means) < _distance(mine, means)))
    harder = None if own_impostors is None else _harder(score.score(own_impostors), score.score(cohort))
    return SourceCheck(percentile, _mean_cosine(enrolled), harder)


def _harder(own: Floats, cohort: Floats) -> float:
    return float((own.mean() - cohort.mean()) / max(float(cohort.std()), 1e-9))


def _person_means(cohort: NDArray[np.float32], identities: NDArray[np.int32], images: int) -> Floats:
    """The mean of up to `images` rows of each identity: means of few images lie farther out, here as for the person."""
    known = np.unique(identities)
    return np.stack([cohort[identities == who][:images].astype(np.float64).mean(axis=0) for who in known])


def _distance(point: Floats, means: Floats) -> float:
    """Mahalanobis distance of a point (D,) from the middle of means (P, D), by their shrunk covariance."""
    around = means - means.mean(axis=0)
    covariance = around.T @ around / max(len(means) - 1, 1)
    size = len(covariance)
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * max(float(np.trace(covariance)), 1e-12) / size * np.eye(size)
    off = point - means.mean(axis=0)
    return float(np.sqrt(off @ np.linalg.solve(shrunk, off)))


def _left_out_distances(means: Floats) -> Floats:
    """The distance of each of means (P, D) from the middle of the others, as `_distance` gives it; (P,).

    Leaving one out changes the scatter by one product d d', so one eigendecomposition and the Sherman-Morrison formula
    serve all P: a cohort of 3,000 people takes milliseconds, not a minute.
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


def _mean_cosine(enrolled: NDArray[np.float32]) -> float:
    count = len(enrolled)
    if count < 2:
        return float("nan")
    cosines = enrolled.astype(np.float64) @ enrolled.astype(np.float64).T
    return float((cosines.sum() - np.trace(cosines)) / (count * (count - 1)))
