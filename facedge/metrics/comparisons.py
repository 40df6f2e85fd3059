"""Comparisons: scores and the two identities of each. All pairs of a set of images, or the pairs of a list.

`IdentityPairs` groups comparisons by their pair of identities, which is what the bootstrap resamples
(facedge.metrics.intervals).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from facedge.errors import InputError
from facedge.metrics.checks import same_length, scores_1d
from facedge.types import AnyArray, BoolArray, Float64Array, FloatArray, Int32Array, Int64Array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_BLOCK = 256  # rows of the score matrix computed together: one BLAS call, and never an (N, N) matrix
_COUNTABLE = 1_000_000  # identities below this number are counted in a table instead of sorted


@dataclass(frozen=True)
class IdentityPairs:
    """Which pair of identities each comparison belongs to, as small codes.

    `left`, `right`: int64 (P,), codes 0..identities-1 of the P distinct pairs; `pair_of`: int64 (N,), the pair of each
    comparison. `two_sided` is False where only one side varies (one person against a cohort) or both are one person:
    then `left` alone is resampled.
    """

    left: Int64Array
    right: Int64Array
    pair_of: Int64Array
    identities: int
    two_sided: bool

    @property
    def pairs(self) -> int:
        """Number of distinct pairs: the trials that could be called independent."""
        return len(self.left)

    def counts(self, chosen: BoolArray | None = None) -> Float64Array:
        """Comparisons of each pair, float64 (P,); only the chosen ones where a mask (N,) is given."""
        pair_of = self.pair_of if chosen is None else self.pair_of[chosen]
        return np.bincount(pair_of, minlength=self.pairs).astype(np.float64)


def one_sided(identities: AnyArray) -> IdentityPairs:
    """Comparisons (N,) that each belong to one identity."""
    known, codes = np.unique(identities, return_inverse=True)
    each = np.arange(len(known), dtype=np.int64)
    return IdentityPairs(each, each, codes.astype(np.int64).reshape(-1), len(known), two_sided=False)


def two_sided(left: AnyArray, right: AnyArray) -> IdentityPairs:
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


def distinct(left: AnyArray, right: AnyArray) -> AnyArray:
    """The identities on either side, sorted; by counting where they are small numbers, since millions sort slowly."""
    if not _countable(left, right):
        return np.union1d(np.unique(left), np.unique(right))
    length = int(max(left.max(), right.max())) + 1
    present = np.bincount(left, minlength=length) + np.bincount(right, minlength=length)
    return np.flatnonzero(present).astype(left.dtype)


def places(known: AnyArray, values: AnyArray) -> Int64Array:
    """The index of each value (all of them known) in the sorted array of known ones."""
    if len(values) > 4 * len(known) and _countable(known, known):
        table = np.empty(int(known[-1]) + 1, dtype=np.int64)
        table[known] = np.arange(len(known))
        return np.asarray(table[values])
    return np.searchsorted(known, values)


def _countable(left: AnyArray, right: AnyArray) -> bool:
    whole = np.issubdtype(left.dtype, np.integer) and np.issubdtype(right.dtype, np.integer)
    return bool(whole and min(left.min(), right.min()) >= 0 and max(left.max(), right.max()) < _COUNTABLE)


@dataclass(frozen=True)
class Comparisons:
    """Scores (N,) of comparisons and the identities on both sides, int32 (N,) each.

    Genuine where both sides are one identity. 12 bytes a comparison: 7 million take 84 MB.
    """

    scores: FloatArray
    left: Int32Array
    right: Int32Array

    def __post_init__(self) -> None:
        scores_1d(self.scores, "scores")
        same_length(self.scores, self.left, "identities")
        same_length(self.scores, self.right, "identities")

    @cached_property
    def genuine(self) -> BoolArray:
        """Which comparisons are of one person with themselves, bool (N,)."""
        return np.asarray(self.left == self.right)

    @cached_property
    def identities(self) -> Int32Array:
        """The distinct identities, sorted."""
        return distinct(self.left, self.right).astype(np.int32)

    def where(self, chosen: BoolArray) -> "Comparisons":
        """The comparisons that a mask (N,) picks."""
        return Comparisons(self.scores[chosen], self.left[chosen], self.right[chosen])

    @cached_property
    def pairs(self) -> IdentityPairs:
        """The pairs of identities of the comparisons, computed once; one-sided where all are genuine."""
        if self.genuine.all():
            return one_sided(self.left)
        return two_sided(self.left, self.right)

    def split(self) -> "tuple[Comparisons, Comparisons]":
        """(genuine, impostor). Raises InputError where one of them is missing: a verifier is judged on both."""
        return self._split

    @cached_property
    def _split(self) -> "tuple[Comparisons, Comparisons]":
        genuine = self.genuine
        if not genuine.any() or genuine.all():
            raise InputError(
                f"a verifier is judged on genuine and impostor comparisons, got {int(genuine.sum())} and "
                f"{int((~genuine).sum())}: bring at least two identities, one of them with two images"
            )
        return self.where(genuine), self.where(~genuine)


def all_pairs(embeddings: "ArrayLike", identities: "ArrayLike") -> Comparisons:
    """Every unordered pair of N embeddings (N, D), L2-normalised, scored by their cosine; identities int (N,).

    Block by block, so 3,734 images (7 million pairs) need under 200 MB. Raises InputError on fewer than two images and
    on images of unknown identity (negative numbers).
    """
    x = np.ascontiguousarray(embeddings, dtype=np.float32)
    ids = np.asarray(identities).astype(np.int32)
    if x.ndim != 2 or len(x) < 2:
        raise InputError(f"all pairs need at least two embeddings of shape (N, D), got shape {x.shape}")
    same_length(x, ids, "identities")
    if ids.min() < 0:
        raise InputError("an image of unknown identity cannot be compared: drop the negative identities first")
    n = len(x)
    scores = np.empty(n * (n - 1) // 2, dtype=np.float32)
    left, right = np.empty(scores.size, dtype=np.int32), np.empty(scores.size, dtype=np.int32)
    at = 0
    for start in range(0, n, _BLOCK):
        block = x[start : start + _BLOCK] @ x[start:].T
        for row in range(len(block)):
            count = n - start - row - 1
            scores[at : at + count] = block[row, row + 1 :]
            left[at : at + count] = ids[start + row]
            right[at : at + count] = ids[start + row + 1 :]
            at += count
    return Comparisons(scores, left, right)


def listed_pairs(
    embeddings: "ArrayLike", first: "ArrayLike", second: "ArrayLike", identities: "ArrayLike"
) -> Comparisons:
    """The pairs (first[k], second[k]) of rows of embeddings (N, D); identities int (N,) of the rows."""
    x = np.asarray(embeddings, dtype=np.float32)
    a, b = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    ids = np.asarray(identities).astype(np.int32)
    same_length(a, b, "the two sides of the pairs")
    same_length(x, ids, "identities")
    return Comparisons(np.einsum("nd,nd->n", x[a], x[b]), ids[a], ids[b])


def balanced_choice(identities: "ArrayLike", limit: int, seed: int = 0) -> Int64Array:
    """At most `limit` rows, as evenly over the identities as they allow; sorted indices, the same for the same seed.

    All pairs grow with the square: 20,000 images are 200 million. The first photo of everyone comes before the second
    of anyone, so that the number of identities, which limits what can be concluded, shrinks last. Rows of unknown
    identity (< 0) are never chosen.
    """
    ids = np.asarray(identities)
    turns, known = random_turns(ids, seed), np.flatnonzero(ids >= 0)
    chosen = known[np.lexsort((ids[known], turns[known]))[:limit]]
    return np.sort(chosen).astype(np.int64)


def random_turns(identities: "ArrayLike", seed: int = 0) -> Int64Array:
    """For each row (N,) its rank among the rows of its identity, in random order: 0 for one of them, 1, ..."""
    ids = np.asarray(identities)
    order = np.random.default_rng(seed).permutation(len(ids))
    by_identity = order[np.argsort(ids[order], kind="stable")]
    _, starts, counts = np.unique(ids[by_identity], return_index=True, return_counts=True)
    turns = np.empty(len(ids), np.int64)
    turns[by_identity] = np.arange(len(ids)) - np.repeat(starts, counts)
    return turns
