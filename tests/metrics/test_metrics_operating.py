"""Thresholds at a FAR: the promise kept, the interval honest, the refusal clear."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.errors import InputError
from facedge.metrics import Comparisons, eer_interval, far_at_threshold, rule_of_three, tar_at_far, threshold_at_far


def test_a_threshold_worked_by_hand() -> None:
    # 400 people, one score each: 1..400. One in a hundred may pass: 397..400, so the threshold is just above 396.
    scores = np.arange(1.0, 401.0)
    chosen = threshold_at_far(scores, 0.01)
    assert chosen.threshold == np.nextafter(396.0, np.inf)
    assert (chosen.estimate.accepted, chosen.estimate.comparisons, chosen.estimate.identities) == (4, 400, 400)
    assert chosen.estimate.far == 0.01
    assert chosen.estimate.low95 < 0.01 < chosen.estimate.high95


def test_ties_with_the_first_one_turned_away_are_turned_away_too() -> None:
    scores = np.concatenate((np.zeros(390), np.full(10, 0.5)))  # ten share the top: 4 may pass, so none does
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
    chosen = threshold_at_far(scores, far, replicates=20)
    values = np.array(scores)
    assert np.mean(values >= chosen.threshold) <= far
    below = values[values < chosen.threshold]
    if len(below):
        assert np.mean(values >= below.max()) > far
    assert chosen.estimate.low95 <= chosen.estimate.far <= chosen.estimate.high95


def test_a_smaller_far_never_lowers_the_threshold() -> None:
    scores = np.random.default_rng(1).normal(size=5000)
    thresholds = [threshold_at_far(scores, far, replicates=10).threshold for far in (0.2, 0.1, 0.01, 0.001)]
    assert thresholds == sorted(thresholds)


def test_more_than_the_cohort_supports_is_refused_with_the_number_needed() -> None:
    # 6,000 photos, but only 300 people: they can speak for 1 %, not for 0.1 %.
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


def test_twenty_photos_of_one_look_alike_are_one_witness() -> None:
    # The same 40 accepted of 4,000: spread over 40 people, or all of two people. The interval must know.
    scores = np.zeros(4000)
    scores[:40] = 1.0
    spread = far_at_threshold(scores, 0.5, identities=np.arange(4000))
    clumped = far_at_threshold(scores, 0.5, identities=np.repeat(np.arange(200), 20))
    assert spread.far == clumped.far == 0.01
    assert (spread.accepted_pairs, clumped.accepted_pairs) == (40, 2)
    assert clumped.high95 - clumped.low95 > 2 * (spread.high95 - spread.low95)


def draw_people(rng: np.random.Generator, people: int, photos: int, spread: float = 1.0) -> Comparisons:
    """Scores with effects of both people, so that comparisons of one person hang together."""
    ids = np.repeat(np.arange(people), photos)
    effect = rng.normal(0, spread, people)
    a, b = np.triu_indices(len(ids), k=1)
    left, right = ids[a].astype(np.int32), ids[b].astype(np.int32)
    noise = rng.normal(0, 1, len(a))
    return Comparisons(effect[left] + effect[right] + noise + 4.0 * (left == right), left, right)


@pytest.mark.slow
def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    # One threshold, whose true FAR is known: N(0, 2 * 0.5^2 + 1) above 2.
    from math import erf, sqrt

    truth = 0.5 * (1 - erf(2 / sqrt(2 * 0.25 + 1) / sqrt(2)))
    rng = np.random.default_rng(5)
    by_identity = by_score = 0
    for _ in range(120):
        drawn = draw_people(rng, people=40, photos=3, spread=0.5).split()[1]
        sides = np.stack((drawn.left, drawn.right), axis=1)
        honest = far_at_threshold(drawn.scores, 2.0, identities=sides, replicates=200)
        naive = far_at_threshold(drawn.scores, 2.0, replicates=200)
        by_identity += honest.low95 <= truth <= honest.high95
        by_score += naive.low95 <= truth <= naive.high95
    assert by_identity >= 102  # 85 % or more: percentile intervals of 40 people run a little short of 95 %
    assert by_score <= 90  # taking every comparison for a witness of its own is what must not be done


def test_tar_at_far_agrees_with_the_threshold_it_reports() -> None:
    drawn = draw_people(np.random.default_rng(6), people=60, photos=4)
    found = tar_at_far(drawn, 0.01, replicates=200)
    genuine, impostor = drawn.split()
    assert found.tar == np.mean(genuine.scores >= found.threshold.threshold)
    assert np.mean(impostor.scores >= found.threshold.threshold) <= 0.01
    assert 0 < found.low95 < found.tar < found.high95 < 1


def test_replicates_choose_their_threshold_exactly_as_a_plain_loop_does() -> None:
    """The fast bootstrap against one that copies every comparison as often as it was drawn."""
    from facedge.metrics import bootstrap
    from facedge.metrics.tar import _resampled_tars

    drawn = draw_people(np.random.default_rng(7), people=12, photos=3)
    drawn = Comparisons(np.round(drawn.scores), drawn.left, drawn.right)  # many ties
    genuine, impostor = drawn.split()
    fast = _resampled_tars(genuine, impostor, drawn.identities, 0.05, 50, seed=3)
    for weight, tar in zip(bootstrap.draw(12, 50, seed=3).astype(int), fast, strict=True):
        copies = np.repeat(impostor.scores, weight[impostor.left] * weight[impostor.right])
        allowed = int(np.floor(0.05 * len(copies) + 1e-9))
        limit = np.sort(copies)[::-1][allowed]
        mine = np.repeat(genuine.scores, weight[genuine.left])
        assert tar == pytest.approx(np.mean(mine > limit))


def test_tar_at_far_works_where_everything_is_accepted_or_tied() -> None:
    left, right = np.triu_indices(30, k=1)
    impostors = Comparisons(np.zeros(len(left)), left.astype(np.int32), right.astype(np.int32))
    same = np.arange(30, dtype=np.int32)
    both = Comparisons(
        np.concatenate((impostors.scores, np.zeros(30))),
        np.concatenate((impostors.left, same)),
        np.concatenate((impostors.right, same)),
    )
    found = tar_at_far(both, 0.01, replicates=50)  # every score ties: nothing may pass
    assert (found.tar, found.low95, found.high95, found.threshold.estimate.far) == (0, 0, 0, 0)


def test_eer_interval_holds_the_exact_eer() -> None:
    drawn = draw_people(np.random.default_rng(8), people=50, photos=4)
    found = eer_interval(drawn, replicates=200)
    assert found.low95 < found.eer < found.high95
    narrow = eer_interval(draw_people(np.random.default_rng(8), people=200, photos=4), replicates=200)
    assert narrow.high95 - narrow.low95 < found.high95 - found.low95


def test_the_same_seed_gives_the_same_interval() -> None:
    drawn = draw_people(np.random.default_rng(9), people=30, photos=3)
    assert tar_at_far(drawn, 0.05, replicates=50, seed=4) == tar_at_far(drawn, 0.05, replicates=50, seed=4)
    assert eer_interval(drawn, replicates=50, seed=4) == eer_interval(drawn, replicates=50, seed=4)
