"""Identity-disjoint partitions into training, validation and test.

A person in both the training and the test partition would bias the measured accuracy upwards.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from facedge.errors import DatasetError, InputError
from facedge.types import Int32Array, Int64Array, UInt8Array

PARTITIONS: Final[tuple[str, str, str]] = ("train", "validation", "test")
"""The official partitions; a partition file holds the index (0, 1, 2)."""

SHARES: Final = (0.8, 0.1, 0.1)
UNKNOWN: Final = -1  # identity of an image whose person is not known


def draw_partition(identities: Int32Array, *, shares: Sequence[float] = SHARES, seed: int = 0) -> UInt8Array:
    """A random partition uint8 (N,) of 0 train, 1 validation, 2 test, by shares of the images, disjoint by identity.

    identities: int32 (N,), -1 unknown. Images of unknown people go to training, never to a test; if all are unknown,
    the partition is drawn by image. The same input and seed give the same partition. Raises InputError for shares
    that are not three numbers with the sum 1.
    """
    if len(shares) != len(PARTITIONS) or min(shares) < 0 or not np.isclose(sum(shares), 1):
        raise InputError(f"expected {len(PARTITIONS)} shares that sum to 1, got {tuple(shares)}")
    known = identities != UNKNOWN
    partition = np.zeros(len(identities), dtype=np.uint8)
    groups = identities[known] if known.any() else np.arange(len(identities), dtype=np.int32)
    people, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(people))
    side = np.zeros(len(people), dtype=np.uint8)
    test, held_out = _held_out(sizes[order], shares[2], shares[1])
    side[order[:test]] = 2
    side[order[test:held_out]] = 1
    partition[known if known.any() else slice(None)] = side[member]
    return partition


def _held_out(sizes: Int64Array, test: float, validation: float) -> tuple[int, int]:
    """The number of people, in order, in test, and in test and validation together; one is always left for training."""
    ends = np.cumsum(sizes)
    total, people = int(ends[-1]) if len(ends) else 0, len(sizes)
    first = min(int(np.searchsorted(ends, test * total)) + 1, max(0, people - 2)) if test else 0
    filled = int(ends[first - 1]) if first else 0
    second = (
        min(int(np.searchsorted(ends, filled + validation * total)) + 1, max(0, people - 1)) if validation else first
    )
    return first, max(first, second)


def check_disjoint(identities: Int32Array, partition: UInt8Array, names: Sequence[str], source: str) -> None:
    """DatasetError that names the first identity in two partitions and an image in each, if there is one."""
    known = np.flatnonzero(identities != UNKNOWN)
    rows = known[np.lexsort((partition[known], identities[known]))]
    same = identities[rows][1:] == identities[rows][:-1]
    crossing = np.flatnonzero(same & (partition[rows][1:] != partition[rows][:-1]))
    if len(crossing) == 0:
        return
    one, other = rows[crossing[0]], rows[crossing[0] + 1]
    people = len(np.unique(identities[rows[crossing]]))
    raise DatasetError(
        f"identity {identities[one]} is in two partitions of {source}: {names[one]} in {PARTITIONS[partition[one]]}, "
        f"{names[other]} in {PARTITIONS[partition[other]]}"
        f"{f' ({people} identities are)' if people > 1 else ''}; "
        f"correct the file, or remove it to have a partition drawn by identity"
    )


def choose_subset(identities: Int32Array, partition: UInt8Array, limit: int, *, seed: int = 0) -> Int64Array:
    """Ascending rows of at most `limit` images: whole people where possible, the partitions in their proportion.

    Raises InputError for a limit below 1.
    """
    if limit < 1:
        raise InputError(f"expected a limit of 1 image or more, got {limit}")
    if limit >= len(identities):
        return np.arange(len(identities))
    chosen: list[Int64Array] = []
    edges = np.round(
        np.cumsum([(partition == side).sum() for side in range(len(PARTITIONS))]) * (limit / len(partition))
    )
    quotas = np.diff(edges, prepend=0).astype(int)
    for side, quota in enumerate(quotas):
        rows = np.flatnonzero(partition == side)
        people = np.where(
            identities[rows] == UNKNOWN, -2 - rows, identities[rows]
        )  # unknown: each image is a person of its own
        _, member = np.unique(people, return_inverse=True)
        order = np.random.default_rng([seed, side]).permutation(int(member.max()) + 1 if len(member) else 0)
        chosen.append(rows[np.argsort(order[member], kind="stable")][:quota])
    return np.sort(np.concatenate(chosen))
