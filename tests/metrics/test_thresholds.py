"""Thresholds at a FAR: the FAR that they give, its interval, and the refusal of what is not supported."""

import numpy as np
import pytest
from drawn_scores import draw_people
from hypothesis import given
from hypothesis import strategies as st

from facedge.errors import InputError
from facedge.metrics.intervals import Bootstrap, rule_of_three
from facedge.metrics.thresholds import far_at_threshold, supported_thresholds, threshold_at_far


def test_the_threshold_of_a_small_example() -> None:
    # 400 people, one score each: 1..400. At most 1 %, 397..400, may be accepted: just above 396.
    scores = np.arange(1.0, 401.0)
    chosen = threshold_at_far(scores, 0.01)
    assert chosen.threshold == np.nextafter(396.0, np.inf)
    assert (chosen.estimate.accepted, chosen.estimate.comparisons, chosen.estimate.identities) == (4, 400, 400)
    assert chosen.estimate.far == 0.01
    assert chosen.estimate.low95 < 0.01 < chosen.estimate.high95


def test_ties_with_the_highest_rejected_score_are_rejected_too() -> None:
    scores = np.concatenate((np.zeros(390), np.full(10, 0.5)))  # ten share the top: 4 may be accepted, so none is
    chosen = threshold_at_far(scores, 0.01)
    assert chosen.threshold > 0.5
    assert chosen.estimate.far == 0.0
    assert chosen.estimate.low95 == 0.0
    assert chosen.estimate.high95 == pytest.approx(rule_of_three(400))


def test_a_float32_threshold_survives_float32() -> None:
    scores = np.linspace(0, 1, 500, dtype=np.float32)
    chosen = threshold_at_far(scores, 0.02)
    assert np.float32(chosen.threshold) == chosen.threshold
    assert np.mean(scores >= np.float32(chosen.threshold)) == 0.02


@given(st.lists(st.integers(0, 40).map(float), min_size=300, max_size=320), st.sampled_from([0.01, 0.02, 0.1, 0.29]))
def test_realised_far_is_below_the_target_and_no_lower_score_would_do(scores: list[float], far: float) -> None:
    chosen = threshold_at_far(scores, far, bootstrap=Bootstrap(20))
    values = np.array(scores)
    assert np.mean(values >= chosen.threshold) <= far
    below = values[values < chosen.threshold]
    if len(below):
        assert np.mean(values >= below.max()) > far
    assert chosen.estimate.low95 <= chosen.estimate.far <= chosen.estimate.high95


def test_a_smaller_far_never_lowers_the_threshold() -> None:
    scores = np.random.default_rng(1).normal(size=5000)
    thresholds = [threshold_at_far(scores, far, bootstrap=Bootstrap(10)).threshold for far in (0.2, 0.1, 0.01, 0.001)]
    assert thresholds == sorted(thresholds)


def test_more_than_the_cohort_supports_is_refused_with_the_number_needed() -> None:
    # 6,000 photos, but only 300 people: they support 1 %, not 0.1 %.
    people = np.repeat(np.arange(300), 20)
    scores = np.random.default_rng(2).normal(size=6000)
    assert threshold_at_far(scores, 0.01, identities=people).estimate.identities == 300
    with pytest.raises(InputError, match=r"0\.001 needs at least 2995 impostor identities, but 300 identities came"):
        threshold_at_far(scores, 0.001, identities=people)


def test_all_pairs_of_few_people_are_refused_by_their_pairs() -> None:
    left, right = np.triu_indices(20, k=1)
    scores = np.random.default_rng(3).normal(size=len(left))
    sides = np.stack((left, right), axis=1)
    assert threshold_at_far(scores, 0.02, identities=sides).estimate.identity_pairs == 190
    with pytest.raises(InputError, match=r"at least 25 impostor identities, but 20 identities \(190 pairs\)"):
        threshold_at_far(scores, 0.01, identities=sides)  # 299 pairs needed; 25 people make 300


@pytest.mark.parametrize("far", [0.0, 1.0, -0.1, 1.5])
def test_a_far_outside_its_range_is_refused(far: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        threshold_at_far(np.arange(10.0), far)


def test_an_impostor_pair_of_one_person_is_refused() -> None:
    with pytest.raises(InputError, match="different identities"):
        far_at_threshold([0.1, 0.2], 0.5, identities=[[1, 2], [3, 3]])


def test_photos_of_one_identity_are_not_independent() -> None:
    # The same 40 accepted of 4,000: spread over 40 people, or all of two people. The interval must reflect that.
    scores = np.zeros(4000)
    scores[:40] = 1.0
    spread = far_at_threshold(scores, 0.5, identities=np.arange(4000))
    clumped = far_at_threshold(scores, 0.5, identities=np.repeat(np.arange(200), 20))
    assert spread.far == clumped.far == 0.01
    assert (spread.accepted_pairs, clumped.accepted_pairs) == (40, 2)
    assert clumped.high95 - clumped.low95 > 2 * (spread.high95 - spread.low95)


def test_supported_thresholds_are_those_that_are_not_refused() -> None:
    people = np.repeat(np.arange(300), 20)
    scores = np.random.default_rng(2).normal(size=6000)
    found = supported_thresholds(scores, (1e-3, 0.01, 0.1), identities=people)
    assert list(found) == [0.01, 0.1]
    assert found[0.01] == threshold_at_far(scores, 0.01, identities=people)
    with pytest.raises(InputError, match="between 0 and 1"):
        supported_thresholds(scores, (0.1, 1.0), identities=people)


@pytest.mark.slow
def test_the_interval_covers_the_true_far_nearly_as_often_as_it_should() -> None:
    # One threshold, whose true FAR is known: N(0, 2 * 0.5^2 + 1) above 2.
    from math import erf, sqrt

    truth = 0.5 * (1 - erf(2 / sqrt(2 * 0.25 + 1) / sqrt(2)))
    rng = np.random.default_rng(5)
    by_identity = by_score = 0
    for _ in range(120):
        drawn = draw_people(rng, people=40, photos=3, spread=0.5).split()[1]
        sides = np.stack((drawn.left, drawn.right), axis=1)
        honest = far_at_threshold(drawn.scores, 2.0, identities=sides, bootstrap=Bootstrap(200))
        naive = far_at_threshold(drawn.scores, 2.0, bootstrap=Bootstrap(200))
        by_identity += honest.low95 <= truth <= honest.high95
        by_score += naive.low95 <= truth <= naive.high95
    assert by_identity >= 102  # 85 % or more: percentile intervals of 40 people run a little short of 95 %
    assert by_score <= 90  # every comparison taken as independent: far too narrow
