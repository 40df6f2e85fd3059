"""Thresholds at a FAR (false accept rate), with the interval of that FAR and the counts it rests on.

The number of identities limits what a cohort can support. A FAR is *supported* when either
- the rule of three allows it: with `n` distinct pairs of identities (one person against a cohort: `n` identities) and
  not one accepted, the 95 % upper bound is already 3 / n; or
- the comparisons accepted at it come from at least 30 distinct pairs of identities (the "rule of 30": G. R. Doddington
  et al., "The NIST speaker recognition evaluation", Speech Communication 31, 2000; ISO/IEC 19795-1, annex B).
Anything lower is refused with the number of identities that would be needed.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facedge.errors import InputError
from facedge.metrics.checks import fraction, same_length, scores_1d
from facedge.metrics.comparisons import IdentityPairs, one_sided, two_sided
from facedge.metrics.intervals import (
    DEFAULT_BOOTSTRAP,
    Bootstrap,
    clopper_pearson,
    percentile_interval,
    resampled_rates,
    rule_of_three,
    trials_needed,
)
from facedge.types import BoolArray, Float64Array, FloatArray

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

RULE_OF_30 = 30


@dataclass(frozen=True)
class FarEstimate:
    """The FAR at a threshold, the counts it rests on, and its 95 % interval.

    `comparisons` impostor comparisons between `identities` people form `identity_pairs` distinct pairs;
    `accepted` comparisons of `accepted_pairs` pairs were accepted. With none, `low95` is 0 and `high95` the rule of
    three.
    """

    far: float
    low95: float
    high95: float
    accepted: int
    accepted_pairs: int
    comparisons: int
    identities: int
    identity_pairs: int

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Threshold:
    """A threshold chosen for a target FAR, and the FAR it gives on the cohort it was chosen from."""

    threshold: float
    target: float
    estimate: FarEstimate


def far_at_threshold(
    impostor_scores: "ArrayLike",
    threshold: float,
    *,
    identities: "ArrayLike | None" = None,
    bootstrap: Bootstrap = DEFAULT_BOOTSTRAP,
) -> FarEstimate:
    """The FAR of impostor scores (N,) at a threshold (accepted: score >= threshold).

    `identities`: int (N,) where one person is compared with a cohort (the cohort identity of each score), int (N, 2)
    where both sides vary; None counts every score as an identity of its own.
    """
    scores = scores_1d(impostor_scores, "impostor scores")
    return far_of(scores >= threshold, _pairs(scores, identities), bootstrap)


def threshold_at_far(
    impostor_scores: "ArrayLike",
    far: float,
    *,
    identities: "ArrayLike | None" = None,
    bootstrap: Bootstrap = DEFAULT_BOOTSTRAP,
) -> Threshold:
    """The lowest threshold whose FAR on these impostor scores (N,) is at most `far`, with the interval of that FAR.

    `identities` as in `far_at_threshold`, the threshold as in `lowest_threshold`. Raises InputError for a FAR lower
    than the cohort supports (module docstring), with the number of identities that would be needed.
    """
    scores = scores_1d(impostor_scores, "impostor scores")
    return choose_threshold(scores, far, _pairs(scores, identities), bootstrap)


def supported_thresholds(
    impostor_scores: "ArrayLike",
    targets: Iterable[float],
    *,
    identities: "ArrayLike | None" = None,
    bootstrap: Bootstrap = DEFAULT_BOOTSTRAP,
) -> dict[float, Threshold]:
    """`threshold_at_far` for each of several target FARs, in their order; targets the cohort does not support left out.

    `identities` as in `far_at_threshold`.
    """
    scores = scores_1d(impostor_scores, "impostor scores")
    pairs = _pairs(scores, identities)
    chosen = ((target, _choose(scores, target, pairs, bootstrap)) for target in targets)
    return {target: found for target, found in chosen if _supported(found, pairs)}


def choose_threshold(
    scores: FloatArray, far: float, pairs: IdentityPairs, bootstrap: Bootstrap = DEFAULT_BOOTSTRAP
) -> Threshold:
    """`threshold_at_far` for impostor scores (N,) whose pairs of identities are known already."""
    chosen = _choose(scores, far, pairs, bootstrap)
    if not _supported(chosen, pairs):
        raise InputError(_refusal(far, pairs))
    return chosen


def lowest_threshold(impostor_scores: FloatArray, far: float) -> float:
    """The lowest threshold that accepts at most the share `far` of impostor scores (N,), supported or not.

    It is the next number above the highest score that has to be rejected, in the scores' own float type, so that
    scores equal to that one are rejected too.
    """
    allowed = math.floor(far * len(impostor_scores) + 1e-9)  # 0.29 * 100 is 28.999999999999996
    rank = len(impostor_scores) - 1 - allowed
    rejected = np.partition(impostor_scores, rank)[rank]
    return float(np.nextafter(rejected, impostor_scores.dtype.type(np.inf)))


def far_of(accepted: BoolArray, pairs: IdentityPairs, bootstrap: Bootstrap = DEFAULT_BOOTSTRAP) -> FarEstimate:
    """`far_at_threshold` for comparisons that were accepted or not, bool (N,), whose identities are known already."""
    hits, counts = pairs.counts(accepted), pairs.counts()
    low, high = _far_interval(pairs, hits, counts, bootstrap)
    return FarEstimate(
        far=float(hits.sum() / counts.sum()),
        low95=low,
        high95=high,
        accepted=int(hits.sum()),
        accepted_pairs=int(np.count_nonzero(hits)),
        comparisons=int(counts.sum()),
        identities=pairs.identities,
        identity_pairs=pairs.pairs,
    )


def _choose(scores: FloatArray, far: float, pairs: IdentityPairs, bootstrap: Bootstrap) -> Threshold:
    threshold = lowest_threshold(scores, fraction(far, "a FAR"))
    return Threshold(threshold, far, far_of(scores >= threshold, pairs, bootstrap))


def _pairs(scores: FloatArray, identities: "ArrayLike | None") -> IdentityPairs:
    if identities is None:
        return one_sided(np.arange(len(scores)))
    ids = np.asarray(identities)
    same_length(scores, ids, "identities")
    if ids.ndim == 1:
        return one_sided(ids)
    if ids.ndim != 2 or ids.shape[1] != 2:
        raise InputError(f"identities must be of shape (N,) or (N, 2), got {ids.shape}")
    if (ids[:, 0] == ids[:, 1]).any():
        raise InputError("an impostor comparison joins two different identities, but some have the same on both sides")
    return two_sided(ids[:, 0], ids[:, 1])


def _far_interval(
    pairs: IdentityPairs, hits: Float64Array, counts: Float64Array, bootstrap: Bootstrap
) -> tuple[float, float]:
    """Bootstrap by identity; with fewer than 30 accepted pairs it is too narrow: the exact bound may raise its end.

    The exact binomial bound is of the share of *pairs of identities* with an accepted comparison, which is no less than
    the share of comparisons where pairs have as many comparisons each.
    """
    accepted_pairs = int(np.count_nonzero(hits))
    if accepted_pairs == 0:
        return 0.0, rule_of_three(pairs.pairs)
    weights = bootstrap.draw(pairs.identities)
    low, high = percentile_interval(resampled_rates(weights, pairs, hits, counts))
    rate = float(hits.sum() / counts.sum())
    if accepted_pairs < RULE_OF_30:
        high = max(high, clopper_pearson(accepted_pairs, pairs.pairs)[1])
    return min(low, rate), max(high, rate)


def _supported(chosen: Threshold, pairs: IdentityPairs) -> bool:
    return pairs.pairs >= trials_needed(chosen.target) or chosen.estimate.accepted_pairs >= RULE_OF_30


def _refusal(far: float, pairs: IdentityPairs) -> str:
    needed = trials_needed(far)
    have = f"{pairs.identities} identities"
    if pairs.two_sided:
        needed = math.ceil((1 + math.sqrt(1 + 8 * needed)) / 2)  # n people form n (n - 1) / 2 pairs
        have += f" ({pairs.pairs} pairs)"
    return (
        f"a FAR of {far:g} needs at least {needed} impostor identities, but {have} came, which support "
        f"{rule_of_three(pairs.pairs):.2g}: ask for a higher FAR or bring more people"
    )
