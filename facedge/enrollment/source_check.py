"""Whether the FAR measured on the cohort can hold for a person's photos: embeddings compared with the cohort's.

A threshold holds for impostors like the cohort's. A template without much identity in it lies nearer to the mean of
all people, and so is more alike to everybody; and people of one camera may be more alike than the cohort's. Conditions
that the bundle's table knows raise the threshold instead (facedge/enrollment/conditions.py).
"""

import math
from dataclasses import dataclass

import numpy as np

from facedge.enrollment.calibration import Linear
from facedge.types import Float32Array, Float64Array, Int32Array

# 2.75 standard deviations of the cohort's people. By 1, 3, 5 and 10 photos it warns of 0 to 1.1 % of CelebA's 180 test
# people and of 0 to 3.3 % of LFW's, whose FAR holds, and of 7, 13, 16 and 28 % of 99 people in crops with repeated
# borders, whose FAR is up to 1 % where 0.1 % is asked.
NEAREST = 0.9970
ALIKE = 0.97  # mean cosine among the samples: one place, one moment
HARDER = 1.0  # standard deviations by which impostors of the same source score above the cohort


@dataclass(frozen=True)
class SourceCheck:
    """How the person's embeddings relate to the cohort's.

    Attributes:
        percentile: share of people, enrolled by as many images, who are less alike to the mean of all people: of a
            normal distribution with the mean and deviation of the cohort's
        alike: mean cosine between the person's samples; NaN with one sample
        harder: standard deviations by which own impostors outscore the cohort; None without --impostors
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
        elif self.harder is None and self.percentile >= NEAREST:
            found.append(
                "this template is more alike to people in general than those of the cohort, so others may be accepted "
                "more often than the FAR asked for: add photos of other people by the same camera with --impostors "
                "DIR, for a FAR that holds there"
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
    known, first, counts = np.unique(identities, return_index=True, return_counts=True)
    several = known[counts > 1]
    templates = [cohort[identities == person][: len(enrolled)].astype(np.float64).mean(axis=0) for person in several]
    people = np.stack([*templates, *cohort[first[counts == 1]].astype(np.float64)])
    middle = people.mean(axis=0)
    others, mine = _cosines(np.stack(templates), middle), _cosines(enrolled.mean(axis=0, dtype=np.float64), middle)
    harder = None if own_impostors is None else _harder(score.score(own_impostors), score.score(cohort))
    deviations = float((mine - others.mean()) / max(float(others.std()), 1e-9))
    return SourceCheck((1 + math.erf(deviations / math.sqrt(2))) / 2, _mean_cosine(enrolled), harder)


def _harder(own: Float64Array, cohort: Float64Array) -> float:
    return float((own.mean() - cohort.mean()) / max(float(cohort.std()), 1e-9))


def _cosines(vectors: Float64Array, direction: Float64Array) -> Float64Array:
    """Of vectors (..., D) with a direction (D,)."""
    lengths = np.linalg.norm(vectors, axis=-1) * np.linalg.norm(direction)
    return np.asarray(vectors @ direction / np.maximum(lengths, 1e-12))


def _mean_cosine(enrolled: Float32Array) -> float:
    count = len(enrolled)
    if count < 2:
        return float("nan")
    cosines = enrolled.astype(np.float64) @ enrolled.astype(np.float64).T
    return float((cosines.sum() - np.trace(cosines)) / (count * (count - 1)))
