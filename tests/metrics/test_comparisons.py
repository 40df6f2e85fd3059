"""All pairs, listed pairs, and the choice of images where all pairs would be too many."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.errors import InputError
from facedge.metrics.comparisons import Comparisons, all_pairs, balanced_choice, listed_pairs, two_sided


def unit_rows(count: int, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize("count", [2, 3, 255, 256, 257, 600])
def test_all_pairs_are_each_pair_once(count: int) -> None:
    x, ids = unit_rows(count), np.arange(count) % 7
    found = all_pairs(x, ids)
    a, b = np.triu_indices(count, k=1)
    np.testing.assert_allclose(found.scores, (x[a] * x[b]).sum(axis=1), atol=1e-6)
    np.testing.assert_array_equal(found.left, ids[a])
    np.testing.assert_array_equal(found.right, ids[b])
    np.testing.assert_array_equal(found.genuine, ids[a] == ids[b])


def test_listed_pairs_follow_the_list() -> None:
    x = unit_rows(4)
    found = listed_pairs(x, [0, 3], [1, 3], [5, 5, 6, 7])
    assert found.scores == pytest.approx([float(x[0] @ x[1]), 1.0], abs=1e-6)
    assert found.genuine.tolist() == [True, True]


def test_split_needs_genuine_and_impostor() -> None:
    only_genuine = Comparisons(np.ones(2), np.zeros(2, np.int32), np.zeros(2, np.int32))
    with pytest.raises(InputError, match="got 2 and 0"):
        only_genuine.split()


def test_unknown_identities_are_refused() -> None:
    with pytest.raises(InputError, match="unknown identity"):
        all_pairs(unit_rows(3), [0, -1, 1])


@given(st.lists(st.integers(-1, 6), max_size=60), st.integers(0, 70))
def test_balanced_choice_takes_one_row_of_each_identity_before_a_second_of_any(ids: list[int], limit: int) -> None:
    chosen = balanced_choice(np.array(ids, dtype=np.int64), limit)
    known = [k for k in ids if k >= 0]
    assert len(set(chosen.tolist())) == len(chosen) == min(limit, len(known))
    assert (np.diff(chosen) > 0).all()
    got = {k: sum(ids[c] == k for c in chosen) for k in set(known)}
    assert -1 not in {ids[c] for c in chosen}
    for k, count in got.items():
        assert count == known.count(k) or count >= max(got.values()) - 1


def test_pair_codes_depend_neither_on_the_order_nor_on_the_algorithm() -> None:
    left, right = np.array([5, 9, 5, 9000]), np.array([9, 5, 9000, 5])
    small = two_sided(left, right)
    assert small.pair_of.tolist() == [0, 0, 1, 1]
    many = np.arange(5000)
    wide = two_sided(many, many[::-1])  # too many codes for the table: sorted instead
    assert wide.pairs == 2500
    assert wide.counts().tolist() == [2.0] * 2500
