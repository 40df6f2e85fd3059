"""Partitions are disjoint by identity, whatever the sizes of the identities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.dataset.splits import check_disjoint, choose_subset, draw_partition
from facedge.errors import DatasetError, InputError

people = st.lists(st.integers(-1, 12), max_size=80).map(lambda values: np.array(values, dtype=np.int32))


@given(people, st.integers(0, 5))
def test_a_drawn_partition_is_identity_disjoint(identities: np.ndarray, seed: int) -> None:
    partition = draw_partition(identities, seed=seed)
    assert partition.shape == identities.shape
    check_disjoint(identities, partition, [str(k) for k in range(len(identities))], "drawn")
    known = identities[identities >= 0]
    if len(known):
        assert (partition[identities < 0] == 0).all()  # unknown people are never in a test
    if len(np.unique(known)) >= 3:
        assert set(partition[identities >= 0].tolist()) == {0, 1, 2}
    assert np.array_equal(partition, draw_partition(identities, seed=seed))


def test_the_shares_are_met_by_images() -> None:
    identities = np.repeat(np.arange(500, dtype=np.int32), np.arange(500) % 7 + 1)
    shares = np.bincount(draw_partition(identities)) / len(identities)
    assert np.allclose(shares, (0.8, 0.1, 0.1), atol=0.01)
    assert not np.array_equal(draw_partition(identities), draw_partition(identities, seed=1))


def test_a_share_of_zero_is_empty() -> None:
    identities = np.arange(50, dtype=np.int32)
    assert set(draw_partition(identities, shares=(0.9, 0.0, 0.1)).tolist()) == {0, 2}
    assert set(draw_partition(identities, shares=(1, 0, 0)).tolist()) == {0}
    with pytest.raises(InputError, match="3 shares that sum to 1"):
        draw_partition(identities, shares=(0.5, 0.1))


def test_without_identities_the_partition_is_drawn_by_image() -> None:
    partition = draw_partition(np.full(100, -1, dtype=np.int32))
    assert np.bincount(partition).tolist() == [80, 10, 10]


def test_an_identity_in_two_partitions_is_named() -> None:
    identities = np.array([4, 7, 7, 9, -1, -1, 4], dtype=np.int32)
    partition = np.array([0, 0, 2, 1, 0, 2, 0], dtype=np.uint8)
    names = [f"{k}.jpg" for k in range(7)]
    with pytest.raises(
        DatasetError, match=r"identity 7 is in two partitions of p\.txt: 1\.jpg in train, 2\.jpg in test; "
    ):
        check_disjoint(identities, partition, names, "p.txt")
    partition[6] = 1
    with pytest.raises(DatasetError, match=r"identity 4 .*0\.jpg in train, 6\.jpg in validation \(2 identities are\)"):
        check_disjoint(identities, partition, names, "p.txt")


@given(people.filter(len), st.integers(1, 90))
def test_a_subset_has_the_size_asked_for(identities: np.ndarray, limit: int) -> None:
    partition = draw_partition(identities)
    rows = choose_subset(identities, partition, limit)
    assert len(rows) == min(limit, len(identities))
    assert (np.diff(rows) > 0).all()
    for side in range(3):
        cut = 0  # at most one identity of a side is only partly in
        for person in np.unique(identities[(partition == side) & (identities >= 0)]):
            inside = np.isin(np.flatnonzero(identities == person), rows)
            cut += inside.any() and not inside.all()
        assert cut <= 1


def test_a_subset_keeps_the_proportion_of_the_partitions() -> None:
    identities = np.repeat(np.arange(100, dtype=np.int32), 10)
    partition = draw_partition(identities)
    rows = choose_subset(identities, partition, 200)
    assert np.bincount(partition[rows]).tolist() == [160, 20, 20]
