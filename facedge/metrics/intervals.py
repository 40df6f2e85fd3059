"""95 % intervals: exact bounds of a rate in independent trials, and the bootstrap that resamples identities.

The bootstrap draws identities with replacement, and each comparison follows its two people: a comparison of people a
and b weighs w_a * w_b in a replicate that drew them w_a and w_b times, a genuine comparison w_a. Counts are first
summed per pair of identities, so that a replicate is one small quadratic form instead of a pass over millions of
scores.

Sources: C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
binomial", Biometrika 26 (1934); J. A. Hanley and A. Lippman-Hand, "If nothing goes wrong, is everything all right?",
JAMA 249 (1983), for the rule of three; R. M. Bolle, N. K. Ratha and S. Pankanti, "Error analysis of pattern recognition
systems: the subsets bootstrap", Computer Vision and Image Understanding 93 (2004), for resampling people instead of
comparisons; T. A. B. Snijders and S. P. Borgatti, "Non-parametric standard errors and tests for network statistics",
Connections 22 (1999), for resampling both ends of a pair.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from facedge.errors import InputError
from facedge.metrics.checks import fraction
from facedge.metrics.comparisons import Comparisons, IdentityPairs, one_sided, places
from facedge.types import AnyArray, Float32Array, Float64Array

_DENSE_LIMIT = 4096  # identities up to which a (K, K) float32 matrix (64 MB) serves as the quadratic form


@dataclass(frozen=True)
class Bootstrap:
    """How a bootstrap is drawn: the number of replicates and the seed of the random generator."""

    replicates: int = 1000
    seed: int = 0

    def draw(self, identities: int) -> Float32Array:
        """How often each replicate draws each identity, float32 (replicates, identities); rows sum to identities."""
        if identities < 1 or self.replicates < 2:
            raise InputError(
                f"a bootstrap needs an identity and two replicates, got {identities} and {self.replicates}"
            )
        picks = np.random.default_rng(self.seed).integers(0, identities, size=(self.replicates, identities))
        picks += np.arange(self.replicates)[:, None] * identities
        flat = np.bincount(picks.reshape(-1), minlength=self.replicates * identities)
        return flat.reshape(self.replicates, identities).astype(np.float32)


DEFAULT_BOOTSTRAP = Bootstrap()


def weighted_totals(weights: Float32Array, pairs: IdentityPairs, counts: Float64Array) -> Float64Array:
    """The weighted sum of per-pair counts (P,) in each replicate, float64 (replicates,)."""
    if not pairs.two_sided:
        per_identity = np.bincount(pairs.left, weights=counts, minlength=pairs.identities)
        return np.asarray(weights.astype(np.float64) @ per_identity)
    if pairs.identities <= _DENSE_LIMIT:
        form = np.zeros((pairs.identities, pairs.identities), dtype=np.float32)
        form[pairs.left, pairs.right] = counts
        return np.asarray(np.einsum("bk,bk->b", weights @ form, weights, dtype=np.float64))
    kept = np.flatnonzero(counts)
    totals = np.zeros(len(weights))
    for start in range(0, len(kept), 8192):
        part = kept[start : start + 8192]
        both = weights[:, pairs.left[part]] * weights[:, pairs.right[part]]
        totals += both.astype(np.float64) @ counts[part]
    return totals


def resampled_rates(
    weights: Float32Array, pairs: IdentityPairs, hits: Float64Array, counts: Float64Array
) -> Float64Array:
    """hits / counts in each replicate, float64 (replicates,); NaN where a replicate drew no comparison at all."""
    totals = weighted_totals(weights, pairs, counts)
    rates = np.full(len(weights), np.nan)
    np.divide(weighted_totals(weights, pairs, hits), totals, out=rates, where=totals > 0)
    return rates


def own_weights(weights: Float32Array, part: Comparisons, known: AnyArray) -> Float32Array:
    """The columns of weights (replicates, K) over the `known` identities that the identities of `part` have."""
    return np.ascontiguousarray(weights[:, places(known, part.identities)])


def percentile_interval(values: Float64Array, confidence: float = 0.95) -> tuple[float, float]:
    """The percentile interval of bootstrap values, NaN left out; (NaN, NaN) where nothing is left."""
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return float("nan"), float("nan")
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(finite, [tail, 100 - tail])
    return float(low), float(high)


def mean_interval(
    values: Float64Array, identities: AnyArray, bootstrap: Bootstrap = DEFAULT_BOOTSTRAP
) -> tuple[float, float] | tuple[None, None]:
    """95 % interval of the mean of one value an image (N,), resampling people; Nones where any identity is unknown."""
    if len(identities) == 0 or int(identities.min()) < 0:
        return None, None
    people = one_sided(identities)
    sums = np.bincount(people.pair_of, weights=values, minlength=people.identities).astype(np.float64)
    weights = bootstrap.draw(people.identities)
    return percentile_interval(resampled_rates(weights, people, sums, people.counts()))


def ratio_interval(one: tuple[float, float, float], other: tuple[float, float, float]) -> tuple[float, float]:
    """95 % interval of the ratio one / other of two rates above 0, each given as (rate, low95, high95).

    By combining the two intervals on a logarithmic scale (G. Y. Zou and A. Donner, "Construction of confidence limits
    about effect measures: a general approach", Statistics in Medicine 27, 2008). It takes the rates as independent,
    which is cautious where both rest partly on the same people. (0, ...) and (..., inf) where an interval reaches 0.
    """
    a, low_a, high_a = map(_log, one)
    b, low_b, high_b = map(_log, other)
    return math.exp(a - b - math.hypot(a - low_a, high_b - b)), math.exp(a - b + math.hypot(high_a - a, b - low_b))


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def rule_of_three(trials: int, confidence: float = 0.95) -> float:
    """Upper bound of a rate after `trials` independent trials without one event: about 3 / trials at 95 %.

    The exact form `1 - (1 - confidence)^(1 / trials)`, never above 3 / trials for the usual 95 %.
    """
    if trials < 1:
        raise InputError(f"the rule of three needs at least one trial, got {trials}")
    return -math.expm1(math.log1p(-confidence) / trials)


def trials_needed(rate: float, confidence: float = 0.95) -> int:
    """Independent trials without an event that bound a rate by `rate`: 1 % needs 299, 0.1 % needs 2,995."""
    fraction(rate, "a rate")
    needed = math.ceil(math.log1p(-confidence) / math.log1p(-rate))
    # One step back where rounding pushed the quotient past an integer, one forward where it fell short.
    while needed > 1 and rule_of_three(needed - 1, confidence) <= rate:
        needed -= 1
    while rule_of_three(needed, confidence) > rate:
        needed += 1
    return needed


def clopper_pearson(events: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided exact interval (low, high) of a rate after `events` in `trials` independent trials."""
    if trials < 1 or not 0 <= events <= trials:
        raise InputError(f"expected 0 <= events <= trials and at least one trial, got {events} of {trials}")
    tail = (1.0 - fraction(confidence, "a confidence")) / 2
    low = 0.0 if events == 0 else _bisect(lambda p: _at_least(events, trials, p) - tail)
    high = 1.0 if events == trials else _bisect(lambda p: tail - _at_most(events, trials, p))
    return low, high


def _bisect(rising: Callable[[float], float]) -> float:
    """The root in (0, 1) of a rising function, to the last bit that a float halves to."""
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2


def _at_most(events: int, trials: int, p: float) -> float:
    """P(X <= events) of a binomial, summed over the shorter tail."""
    if events > trials // 2:
        return 1.0 - _at_least(events + 1, trials, p)
    return _term_sum(0, events, trials, p)


def _at_least(events: int, trials: int, p: float) -> float:
    if events <= trials // 2:
        return 1.0 - _term_sum(0, events - 1, trials, p) if events else 1.0
    return _term_sum(events, trials, trials, p)


def _term_sum(first: int, last: int, trials: int, p: float) -> float:
    """P(first <= X <= last); terms over 12 standard deviations off the mean are below 1e-30 and left out."""
    reach = 12 * math.sqrt(trials * p * (1 - p)) + 40
    first, last = max(first, math.floor(trials * p - reach)), min(last, math.ceil(trials * p + reach))
    if first > last:
        return 0.0
    k = np.arange(first + 1, last + 1, dtype=np.float64)
    start = math.lgamma(trials + 1) - math.lgamma(first + 1) - math.lgamma(trials - first + 1)
    logs = start + np.concatenate(([0.0], np.cumsum(np.log((trials - k + 1) / k))))
    k = np.arange(first, last + 1, dtype=np.float64)
    return float(np.exp(logs + k * math.log(p) + (trials - k) * math.log1p(-p)).sum())
