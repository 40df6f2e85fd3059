"""Comparisons: a score and the two identities behind it. All pairs of a set, or the pairs of a list."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from facedge.errors import InputError
from facedge.metrics import bootstrap
from facedge.metrics._checks import same_length, scores_1d
from facedge.metrics.bootstrap import IdentityPairs

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Comparisons:
    """Scores (N,) of comparisons and the identities on both sides, int32 (N,) each.

    Genuine where both sides are one identity. 12 bytes a comparison: 7 million take 84 MB.
    """

    scores: npt.NDArray[np.floating]
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

    @property
    def genuine_scores(self) -> npt.NDArray[np.floating]:
        """Scores of the genuine comparisons."""
        return self.scores[self.genuine]

    @property
    def impostor_scores(self) -> npt.NDArray[np.floating]:
        """Scores of the impostor comparisons."""
        return self.scores[~self.genuine]

    @cached_property
    def identities(self) -> Int32Array:
        """The distinct identities, sorted."""
        return bootstrap.distinct(self.left, self.right).astype(np.int32)

    def where(self, chosen: BoolArray) -> "Comparisons":
        """The comparisons that a mask (N,) picks."""
        return Comparisons(self.scores[chosen], self.left[chosen], self.right[chosen])

    @cached_property
    def pairs(self) -> IdentityPairs:
        """The pairs of identities behind the comparisons, found once; one-sided where all are genuine."""
        if self.genuine.all():
            return bootstrap.one_sided(self.left)
        return bootstrap.two_sided(self.left, self.right)

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


def all_pairs(embeddings: npt.ArrayLike, identities: npt.ArrayLike) -> Comparisons:
    """Every unordered pair of N embeddings (N, D), L2-normalised, scored by their cosine; identities int (N,).

    Row by row, so 3,734 images (7 million pairs) need under 200 MB. Raises InputError on fewer than two images and on
    images of unknown identity (negative numbers).
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
    for start in range(0, n, 256):  # a block of rows at a time: one BLAS call, and never an (N, N) matrix
        block = x[start : start + 256] @ x[start:].T
        for row in range(len(block)):
            count = n - start - row - 1
            scores[at : at + count] = block[row, row + 1 :]
            left[at : at + count] = ids[start + row]
            right[at : at + count] = ids[start + row + 1 :]
            at += count
    return Comparisons(scores, left, right)


def listed_pairs(
    embeddings: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike, identities: npt.ArrayLike
) -> Comparisons:
    """The pairs (first[k], second[k]) of rows of embeddings (N, D); identities int (N,) of the rows."""
    x = np.asarray(embeddings, dtype=np.float32)
    a, b = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    ids = np.asarray(identities).astype(np.int32)
    same_length(a, b, "the two sides of the pairs")
    same_length(x, ids, "identities")
    return Comparisons(np.einsum("nd,nd->n", x[a], x[b]), ids[a], ids[b])


def balanced_choice(identities: npt.ArrayLike, limit: int, seed: int = 0) -> Int64Array:
    """At most `limit` rows, as evenly over the identities as they allow; sorted indices, the same for the same seed.

    All pairs grow with the square: 20,000 images are 200 million. The first photo of everyone comes before the second
    of anyone, so identities, which carry the evidence, are the last thing lost. Rows of unknown identity (< 0) are
    never chosen.
    """
    ids = np.asarray(identities)
    turns, known = random_turns(ids, seed), np.flatnonzero(ids >= 0)
    chosen = known[np.lexsort((ids[known], turns[known]))[:limit]]
    return np.sort(chosen).astype(np.int64)


def random_turns(identities: npt.ArrayLike, seed: int = 0) -> Int64Array:
    """For each row (N,) its place among the rows of its identity, in random order: 0 for one of them, 1, ..."""
    ids = np.asarray(identities)
    order = np.random.default_rng(seed).permutation(len(ids))
    by_identity = order[np.argsort(ids[order], kind="stable")]
    _, starts, counts = np.unique(ids[by_identity], return_index=True, return_counts=True)
    turns = np.empty(len(ids), np.int64)
    turns[by_identity] = np.arange(len(ids)) - np.repeat(starts, counts)
    return turns
