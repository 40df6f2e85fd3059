"""The bootstrap by identity: draw identities with replacement, and let each comparison follow its two people.

A comparison of people a and b weighs w_a * w_b in a replicate that drew them w_a and w_b times; a genuine comparison
weighs w_a. Counts are first summed per pair of identities, so a replicate is one small quadratic form instead of a pass
over millions of scores.

Sources: R. M. Bolle, N. K. Ratha and S. Pankanti, "Error analysis of pattern recognition systems: the subsets
bootstrap", Computer Vision and Image Understanding 93 (2004), for resampling people instead of comparisons; T. A. B.
Snijders and S. P. Borgatti, "Non-parametric standard errors and tests for network statistics", Connections 22 (1999),
for resampling both ends of a pair.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facedge.errors import InputError

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

REPLICATES = 1000
_DENSE_LIMIT = 4096  # identities up to which a (K, K) float32 matrix (64 MB) serves as the quadratic form


@dataclass(frozen=True)
class IdentityPairs:
    """Which pair of identities each comparison is of, in small codes.

    `left`, `right`: int64 (P,), codes 0..identities-1 of the P distinct pairs; `pair_of`: int64 (N,), the pair of each
    comparison. `two_sided` is False where only one side varies (one person against a cohort) or both are one person:
    then `left` alone is drawn.
    """

    left: Int64Array
    right: Int64Array
    pair_of: Int64Array
    identities: int
    two_sided: bool

    @property
    def pairs(self) -> int:
        """How many distinct pairs there are: the number of trials that could be called independent."""
        return len(self.left)

    def counts(self, chosen: npt.NDArray[np.bool_] | None = None) -> Float64Array:
        """Comparisons of each pair, float64 (P,); of the chosen ones (N,) alone where a mask is given."""
        pair_of = self.pair_of if chosen is None else self.pair_of[chosen]
        return np.bincount(pair_of, minlength=self.pairs).astype(np.float64)


def one_sided(identities: npt.NDArray[Any]) -> IdentityPairs:
    """Comparisons (N,) that each belong to one identity."""
    known, codes = np.unique(identities, return_inverse=True)
    each = np.arange(len(known), dtype=np.int64)
    return IdentityPairs(each, each, codes.astype(np.int64).reshape(-1), len(known), two_sided=False)


def two_sided(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> IdentityPairs:
    """Comparisons (N,) of two identities each; the order of the two does not matter."""
    known = distinct(left, right)
    k = len(known)
    a, b = places(known, left), places(known, right)
    code = np.minimum(a, b) * k + np.maximum(a, b)
    if k * k <= 4 * len(code) + 1_000_000:  # a table of all codes is cheaper than sorting the comparisons
        present = np.flatnonzero(np.bincount(code, minlength=k * k))
        table = np.empty(k * k, dtype=np.int64)
        table[present] = np.arange(len(present))
        pair_of = table[code]
    else:
        present, pair_of = np.unique(code, return_inverse=True)
    return IdentityPairs(present // k, present % k, pair_of.astype(np.int64).reshape(-1), k, two_sided=True)


def distinct(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The identities on either side, sorted. Counting beats sorting millions where identities are small numbers."""
    if _countable(left, right):
        seen = np.bincount(left) if left is right else _joined_counts(left, right)
        return np.flatnonzero(seen).astype(left.dtype)
    return np.union1d(np.unique(left), np.unique(right))


def places(known: npt.NDArray[Any], values: npt.NDArray[Any]) -> Int64Array:
    """Where each value (all of them known) stands among the sorted known ones."""
    if len(values) > 4 * len(known) and _countable(known, known):
        table = np.empty(int(known[-1]) + 1, dtype=np.int64)
        table[known] = np.arange(len(known))
        return np.asarray(table[values])
    return np.searchsorted(known, values)


def _joined_counts(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> Int64Array:
    length = int(max(left.max(), right.max())) + 1
    return np.asarray(np.bincount(left, minlength=length) + np.bincount(right, minlength=length))


def _countable(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> bool:
    whole = np.issubdtype(left.dtype, np.integer) and np.issubdtype(right.dtype, np.integer)
    return bool(whole and min(left.min(), right.min()) >= 0 and max(left.max(), right.max()) < 1_000_000)


def draw(identities: int, replicates: int, seed: int) -> Float32Array:
    """How often each replicate drew each identity, float32 (replicates, identities); every row sums to identities."""
    if identities < 1 or replicates < 2:
        raise InputError(f"a bootstrap needs an identity and two replicates, got {identities} and {replicates}")
    picks = np.random.default_rng(seed).integers(0, identities, size=(replicates, identities))
    picks += np.arange(replicates)[:, None] * identities
    flat = np.bincount(picks.reshape(-1), minlength=replicates * identities)
    return flat.reshape(replicates, identities).astype(np.float32)


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


def percentile_interval(values: Float64Array, confidence: float = 0.95) -> tuple[float, float]:
    """The percentile interval of bootstrap values, NaN left out; (NaN, NaN) where nothing is left."""
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return float("nan"), float("nan")
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(finite, [tail, 100 - tail])
    return float(low), float(high)
