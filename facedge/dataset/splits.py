"""Partitions in which nobody is on two sides. A model that saw a person in training would look better than it is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facedge.dataset.celeba_layout import PARTITIONS
from facedge.errors import DatasetError, InputError

SHARES = (0.8, 0.1, 0.1)
UNKNOWN = -1


def draw_partition(
    identities: NDArray[np.int32], *, shares: Sequence[float] = SHARES, seed: int = 0
) -> NDArray[np.uint8]:
    """A partition uint8 (N,) of 0 train, 1 validation, 2 test, by shares of the images; all of a person on one side.

    identities: int32 (N,), -1 unknown. Unknown people go to training, where they cannot be tested on; if everyone is
    unknown, single images are drawn instead. The same input and seed give the same partition.
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


def _held_out(sizes: NDArray[np.int64], test: float, validation: float) -> tuple[int, int]:
    """How many people, in order, fill the test share, and test and validation together; someone is left to train on."""
    ends = np.cumsum(sizes)
    total, people = int(ends[-1]) if len(ends) else 0, len(sizes)
    first = min(int(np.searchsorted(ends, test * total)) + 1, max(0, people - 2)) if test else 0
    filled = int(ends[first - 1]) if first else 0
    second = (
        min(int(np.searchsorted(ends, filled + validation * total)) + 1, max(0, people - 1)) if validation else first
    )
    return first, max(first, second)


def check_disjoint(
    identities: NDArray[np.int32], partition: NDArray[np.uint8], names: Sequence[str], source: str
) -> None:
    """DatasetError that names the first identity on two sides of the partition and an image on each side."""
    known = np.flatnonzero(identities != UNKNOWN)
    rows = known[np.lexsort((partition[known], identities[known]))]
    same = identities[rows][1:] == identities[rows][:-1]
    crossing = np.flatnonzero(same & (partition[rows][1:] != partition[rows][:-1]))
    if len(crossing) == 0:
        return
    one, other = rows[crossing[0]], rows[crossing[0] + 1]
    people = len(np.unique(identities[rows[crossing]]))
    raise DatasetError(
        f"identity {identities[one]} is on two sides of {source}: {names[one]} in {PARTITIONS[partition[one]]}, "
        f"{names[other]} in {PARTITIONS[partition[other]]}"
        f"{f' ({people} identities are)' if people > 1 else ''}; "
        f"correct the file, or remove it to have a partition drawn by identity"
    )


def choose_subset(
    identities: NDArray[np.int32], partition: NDArray[np.uint8], limit: int, *, seed: int = 0
) -> NDArray[np.int64]:
    """Ascending rows of at most `limit` images: whole people where possible, the sides in their proportion."""
    if limit < 1:
        raise InputError(f"expected a limit of 1 image or more, got {limit}")
    if limit >= len(identities):
        return np.arange(len(identities))
    chosen: list[NDArray[np.int64]] = []
    edges = np.round(
        np.cumsum([(partition == side).sum() for side in range(len(PARTITIONS))]) * (limit / len(partition))
    )
    quotas = np.diff(edges, prepend=0).astype(int)
    for side, quota in enumerate(quotas):
        rows = np.flatnonzero(partition == side)
        people = np.where(identities[rows] == UNKNOWN, -2 - rows, identities[rows])  # unknown: each by itself
        _, member = np.unique(people, return_inverse=True)
        turn = np.random.default_rng([seed, side]).permutation(int(member.max()) + 1 if len(member) else 0)
        chosen.append(rows[np.argsort(turn[member], kind="stable")][:quota])
    return np.sort(np.concatenate(chosen))
