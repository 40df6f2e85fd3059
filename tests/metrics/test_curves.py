"""FAR and FRR on small examples, and by brute force on random ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.errors import InputError
from facedge.metrics.verification import auc, equal_error_rate, error_curve

# Few distinct values, so that ties within and between genuine and impostor are common.
scores = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=30)


def test_a_small_curve() -> None:
    # At 3 the impostors 3 and 4 pass; at 4 one impostor passes and one genuine fails.
    curve = error_curve([4.0, 3.0, 5.0, 4.0], [1.0, 2.0, 4.0, 3.0])
    assert curve.thresholds.tolist() == [1, 2, 3, 4, 5, np.inf]
    assert curve.far.tolist() == [1, 0.75, 0.5, 0.25, 0, 0]
    assert curve.frr.tolist() == [0, 0, 0, 0.25, 0.75, 1]
    assert equal_error_rate(curve) == (0.25, 4.0)


def test_eer_between_two_points_lies_on_the_joining_line() -> None:
    # One genuine 1, one impostor 1: accepting (FAR 1, FRR 0) or not (0, 1); the line crosses at one half.
    assert equal_error_rate(error_curve([1.0], [1.0]))[0] == 0.5
    # genuine 1 3 3, impostor 0 0 2: (FAR 1/3, FRR 1/3) at threshold 2.
    assert equal_error_rate(error_curve([1.0, 3.0, 3.0], [0.0, 0.0, 2.0])) == (pytest.approx(1 / 3), 2.0)
    # genuine 0 2, impostor 0 0 1: points (1, 0), (1/3, 1/2) at 1; the line from (1, 0) crosses at 3/7.
    assert equal_error_rate(error_curve([0.0, 2.0], [0.0, 0.0, 1.0]))[0] == pytest.approx(3 / 7)


def test_separated_scores_have_no_error() -> None:
    curve = error_curve([2.0, 3.0], [0.0, 1.0])
    assert equal_error_rate(curve) == (0.0, 2.0)
    assert auc([2.0, 3.0], [0.0, 1.0]) == 1.0


@given(scores, scores)
def test_curve_equals_counting(genuine: list[float], impostor: list[float]) -> None:
    curve = error_curve(genuine, impostor)
    for threshold, far, frr in zip(curve.thresholds, curve.far, curve.frr, strict=True):
        counted = (
            sum(s >= threshold for s in impostor) / len(impostor),
            sum(s < threshold for s in genuine) / len(genuine),
        )
        assert (far, frr) == pytest.approx(counted, abs=1e-12)
    assert (np.diff(curve.far) <= 0).all()
    assert (np.diff(curve.frr) >= 0).all()
    assert (curve.far[0], curve.frr[0], curve.far[-1], curve.frr[-1]) == (1, 0, 0, 1)


@given(scores, scores)
def test_eer_is_symmetric_and_invariant_under_monotone_maps(genuine: list[float], impostor: list[float]) -> None:
    eer, _ = equal_error_rate(error_curve(genuine, impostor))
    swapped, _ = equal_error_rate(error_curve([-s for s in impostor], [-s for s in genuine]))
    stretched, _ = equal_error_rate(error_curve(np.exp(genuine), np.exp(impostor)))
    assert eer == pytest.approx(swapped, abs=1e-12)
    assert eer == pytest.approx(stretched, abs=1e-12)
    assert 0 <= eer <= 1


@given(scores, scores)
def test_auc_is_the_probability_of_a_higher_score_with_ties_half(genuine: list[float], impostor: list[float]) -> None:
    counted = np.mean([[(g > i) + 0.5 * (g == i) for i in impostor] for g in genuine])
    assert auc(genuine, impostor) == pytest.approx(counted)
    assert auc(genuine, impostor) + auc(impostor, genuine) == pytest.approx(1.0)


def test_thinned_keeps_the_ends_and_invents_nothing() -> None:
    rng = np.random.default_rng(0)
    curve = error_curve(rng.normal(2, 1, 3000), rng.normal(0, 1, 30000))
    thin = curve.thinned(100)
    assert len(thin.far) <= 102
    assert set(zip(thin.far, thin.frr, strict=True)) <= set(zip(curve.far, curve.frr, strict=True))
    assert (thin.far[0], thin.far[-1]) == (1.0, 0.0)
    assert 1 / 30000 in thin.far  # the rarest FAR there is survives


def test_float32_scores_keep_their_ties() -> None:
    third = np.float32(1) / np.float32(3)
    curve = error_curve(np.array([third]), np.array([third, np.nextafter(third, np.float32(0))]))
    assert curve.far[curve.thresholds == float(third)] == [0.5]


@pytest.mark.parametrize(("genuine", "impostor"), [([], [1.0]), ([1.0], []), ([np.nan], [1.0]), ([[1.0]], [1.0])])
def test_invalid_scores_are_refused(genuine: list[float], impostor: list[float]) -> None:
    with pytest.raises(InputError, match="scores"):
        error_curve(genuine, impostor)
