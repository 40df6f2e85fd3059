"""The threshold at a FAR, with the interval of that FAR and the counts behind it.

What a cohort can prove is limited by its people. A FAR is *supported* when either
- the rule of three allows it: with `n` distinct pairs of identities (one person against a cohort: `n` identities) and
  not one accepted, the 95 % upper bound is already 3 / n; or
- the comparisons accepted at it come from at least 30 distinct pairs of identities (the "rule of 30": G. R. Doddington
  et al., "The NIST speaker recognition evaluation", Speech Communication 31, 2000; ISO/IEC 19795-1, annex B).
Anything lower is refused with the number of identities that would be needed.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facedge.errors import InputError
from facedge.metrics import bootstrap
from facedge.metrics._checks import fraction, same_length, scores_1d
from facedge.metrics.binomial import clopper_pearson, rule_of_three, trials_needed
from facedge.metrics.bootstrap import REPLICATES, IdentityPairs

RULE_OF_30 = 30


@dataclass(frozen=True)
class FarEstimate:
    """The FAR at a threshold, what it rests on, and its 95 % interval.

    `comparisons` impostor comparisons between `identities` people form `identity_pairs` distinct pairs;
    `accepted` comparisons of `accepted_pairs` pairs passed. With none, `low95` is 0 and `high95` the rule of three.
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
    """A threshold chosen for a target FAR, with what it really gave on the cohort it was chosen from."""

    threshold: float
    target: float
    estimate: FarEstimate

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON types, the estimate's beside the threshold's."""
        return {"threshold": self.threshold, "target": self.target, **self.estimate.to_dict()}


def far_at_threshold(
    impostor_scores: npt.ArrayLike,
    threshold: float,
    *,
    identities: npt.ArrayLike | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> FarEstimate:
    """The FAR of impostor scores (N,) at a threshold (accepted: score >= threshold).

    `identities`: int (N,) where one person is compared with a cohort (whose person each score is), int (N, 2) where
    both sides vary; None counts every score as a person of its own.
    """
    scores = scores_1d(impostor_scores, "impostor scores")
    return far_of(scores >= threshold, _pairs(scores, identities), replicates=replicates, seed=seed)


def threshold_at_far(
    impostor_scores: npt.ArrayLike,
    far: float,
    *,
    identities: npt.ArrayLike | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Threshold:
    """The lowest threshold whose FAR on these impostor scores (N,) is at most `far`, with the interval of that FAR.

    `identities` as in `far_at_threshold`. The threshold is the next number above the highest score that has to be
    turned away, in the scores' own float type, so ties with it are turned away too. Raises InputError for a FAR lower
    than the cohort supports (module docstring), with the number of identities that would be needed.
    """
    scores = scores_1d(impostor_scores, "impostor scores")
    return choose_threshold(scores, far, _pairs(scores, identities), replicates=replicates, seed=seed)


def choose_threshold(
    scores: npt.NDArray[Any], far: float, pairs: IdentityPairs, *, replicates: int = REPLICATES, seed: int = 0
) -> Threshold:
    """`threshold_at_far` for impostor scores (N,) whose pairs of identities are known already."""
    fraction(far, "a FAR")
    threshold = _lowest_threshold(scores, far)
    chosen = Threshold(threshold, far, far_of(scores >= threshold, pairs, replicates=replicates, seed=seed))
    _refuse_unsupported(chosen, pairs)
    return chosen


def _pairs(scores: npt.NDArray[Any], identities: npt.ArrayLike | None) -> IdentityPairs:
    if identities is None:
        return bootstrap.one_sided(np.arange(len(scores)))
    ids = np.asarray(identities)
    same_length(scores, ids, "identities")
    if ids.ndim == 1:
        return bootstrap.one_sided(ids)
    if ids.ndim != 2 or ids.shape[1] != 2:
        raise InputError(f"identities must be of shape (N,) or (N, 2), got {ids.shape}")
    if (ids[:, 0] == ids[:, 1]).any():
        raise InputError("an impostor comparison joins two different identities, but some have the same on both sides")
    return bootstrap.two_sided(ids[:, 0], ids[:, 1])


def _lowest_threshold(scores: npt.NDArray[Any], far: float) -> float:
    """Just above the (allowed + 1)-th highest score."""
    allowed = math.floor(far * len(scores) + 1e-9)  # 0.29 * 100 is 28.999999999999996
    turned_away = np.partition(scores, len(scores) - 1 - allowed)[len(scores) - 1 - allowed]
    return float(np.nextafter(turned_away, scores.dtype.type(np.inf)))


def far_of(
    accepted: npt.NDArray[np.bool_], pairs: IdentityPairs, *, replicates: int = REPLICATES, seed: int = 0
) -> FarEstimate:
    """`far_at_threshold` for comparisons that were accepted or not, bool (N,), whose identities are known already."""
    hits, counts = pairs.counts(accepted), pairs.counts()
    low, high = _far_interval(pairs, hits, counts, replicates, seed)
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


def _far_interval(
    pairs: IdentityPairs, hits: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], replicates: int, seed: int
) -> tuple[float, float]:
    """Bootstrap by identity; below 30 accepted pairs it falls short, so the exact binomial bound may widen it upwards.

    The exact bound is of the share of *pairs of identities* with an accepted comparison, which is no less than the
    share of comparisons where pairs have as many comparisons each.
    """
    accepted_pairs = int(np.count_nonzero(hits))
    if accepted_pairs == 0:
        return 0.0, rule_of_three(pairs.pairs)
    weights = bootstrap.draw(pairs.identities, replicates, seed)
    low, high = bootstrap.percentile_interval(bootstrap.resampled_rates(weights, pairs, hits, counts))
    rate = float(hits.sum() / counts.sum())
    if accepted_pairs < RULE_OF_30:
        high = max(high, clopper_pearson(accepted_pairs, pairs.pairs)[1])
    return min(low, rate), max(high, rate)


def _refuse_unsupported(chosen: Threshold, pairs: IdentityPairs) -> None:
    needed = trials_needed(chosen.target)
    if pairs.pairs >= needed or chosen.estimate.accepted_pairs >= RULE_OF_30:
        return
    # n people form n (n - 1) / 2 pairs.
    people = math.ceil((1 + math.sqrt(1 + 8 * needed)) / 2) if pairs.two_sided else needed
    have = (
        f"{pairs.identities} identities ({pairs.pairs} pairs)" if pairs.two_sided else f"{pairs.identities} identities"
    )
    raise InputError(
        f"a FAR of {chosen.target:g} needs at least {people} impostor identities, but {have} came, which support "
        f"{rule_of_three(pairs.pairs):.2g}: ask for a higher FAR or bring more people"
    )
