"""Exact bounds against published values and the binomial; the bootstrap by identity against counting."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.errors import InputError
from facedge.metrics import intervals
from facedge.metrics.comparisons import two_sided
from facedge.metrics.intervals import (
    Bootstrap,
    clopper_pearson,
    mean_interval,
    ratio_interval,
    rule_of_three,
    trials_needed,
)


@pytest.mark.parametrize(
    ("events", "trials", "low", "high"),
    # 0 of 10: 1 - 0.025^(1/10). 5 of 10 and 1 of 20: the usual tables of the exact interval.
    [(0, 10, 0.0, 0.30850), (5, 10, 0.18709, 0.81291), (1, 20, 0.00127, 0.24873), (10, 10, 0.69150, 1.0)],
)
def test_known_intervals(events: int, trials: int, low: float, high: float) -> None:
    assert clopper_pearson(events, trials) == pytest.approx((low, high), abs=1e-5)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_bounds_leave_exactly_the_tail(case: tuple[int, int]) -> None:
    events, trials = case
    low, high = clopper_pearson(events, trials)
    assert low <= events / trials <= high

    def at_most(count: int, p: float) -> float:
        return sum(math.comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(count + 1))

    if events < trials:
        assert at_most(events, high) == pytest.approx(0.025, abs=1e-6)
    if events:
        assert 1 - at_most(events - 1, low) == pytest.approx(0.025, abs=1e-6)


def test_seven_million_trials_neither_overflow_nor_hang() -> None:
    low, high = clopper_pearson(3_500_000, 7_000_000)
    assert high - low == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(7e6), rel=1e-3)
    assert low < 0.5 < high


def test_rule_of_three_is_three_over_n() -> None:
    assert rule_of_three(300) == pytest.approx(0.01, rel=0.01)
    assert rule_of_three(3000) == pytest.approx(0.001, rel=0.01)
    assert rule_of_three(1) == pytest.approx(0.95)


@given(st.floats(1e-5, 0.5))
def test_trials_needed_is_the_smallest_number(rate: float) -> None:
    needed = trials_needed(rate)
    assert rule_of_three(needed) <= rate
    assert needed == 1 or rule_of_three(needed - 1) > rate


def test_trials_needed_for_round_rates() -> None:
    assert (trials_needed(0.01), trials_needed(0.001)) == (299, 2995)


@pytest.mark.parametrize(("events", "trials"), [(-1, 5), (6, 5), (0, 0)])
def test_impossible_counts_are_refused(events: int, trials: int) -> None:
    with pytest.raises(InputError, match="events"):
        clopper_pearson(events, trials)


def test_sparse_and_dense_bootstrap_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    left, right = rng.integers(0, 30, 500), rng.integers(30, 60, 500)
    pairs = two_sided(left, right)
    weights = Bootstrap(40).draw(pairs.identities)
    dense = intervals.weighted_totals(weights, pairs, pairs.counts())
    monkeypatch.setattr(intervals, "_DENSE_LIMIT", 0)
    np.testing.assert_allclose(intervals.weighted_totals(weights, pairs, pairs.counts()), dense)
    known = np.union1d(left, right)
    by_comparison = weights[:, np.searchsorted(known, left)] * weights[:, np.searchsorted(known, right)]
    np.testing.assert_allclose(dense, by_comparison.sum(axis=1))


def test_each_replicate_draws_as_many_identities_as_there_are() -> None:
    drawn = Bootstrap(30, seed=1).draw(50)
    assert drawn.sum(axis=1).tolist() == [50] * 30
    assert 0.3 < (drawn == 0).mean() < 0.43  # about 1/e are left out


def test_the_interval_of_a_mean_depends_on_people_not_photos() -> None:
    values = np.repeat([0.0, 1.0], 500)
    boot = Bootstrap(400)
    two_people = mean_interval(values, np.repeat([0, 1], 500), boot)
    assert two_people == (0.0, 1.0)  # a replicate may draw one of them twice
    low, high = mean_interval(values, np.arange(1000), boot)
    assert low is not None and high is not None
    assert 0.46 < low < 0.5 < high < 0.54
    assert mean_interval(values, np.full(1000, -1), boot) == (None, None)


def test_the_interval_of_a_ratio_combines_both_intervals() -> None:
    # Symmetric intervals of a factor 2 and 3 on a logarithmic scale: a factor exp(hypot(log 2, log 3)) on the ratio.
    low, high = ratio_interval((0.02, 0.01, 0.04), (0.01, 0.01 / 3, 0.03))
    factor = math.exp(math.hypot(math.log(2), math.log(3)))
    assert (low, high) == pytest.approx((2 / factor, 2 * factor))
    assert ratio_interval((0.02, 0.0, 0.04), (0.01, 0.0, 0.03)) == (0.0, math.inf)
