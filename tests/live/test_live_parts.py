"""Score fusion and the estimated FAR of an attempt, each by itself."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.bundle import Calibration, OperatingPoint
from facedge.live.fusion import Attempt, AttemptFar, FusionRule, estimate_attempt_far, logit, sigmoid
from facedge.runtime.decision import FarEvidence


def attempt(scores: list[float], threshold: float = 0.9) -> Attempt:
    made = Attempt(threshold, FusionRule(window=5, patience=10))
    for score in scores:
        made.add(score)
    return made


def test_no_decision_before_the_window_is_full() -> None:
    assert not attempt([1.0] * 4).accepted
    assert attempt([1.0] * 5).accepted
    assert attempt([]).fused is None


def test_one_high_frame_does_not_accept() -> None:
    assert not attempt([0.1, 0.1, 0.999, 0.1, 0.1]).accepted
    assert attempt([0.95, 0.95, 0.85, 0.95, 0.95]).accepted  # and one low frame does not reject


def test_patience_ends() -> None:
    assert not attempt([0.1] * 9).exhausted
    assert attempt([0.1] * 10).exhausted
    assert not attempt([0.1] * 5 + [0.99] * 5).exhausted


@given(st.lists(st.floats(0, 1), min_size=5, max_size=30), st.floats(0.01, 0.99))
def test_scores_below_the_threshold_never_add_up_to_an_accept(scores: list[float], threshold: float) -> None:
    below = [min(score, math.nextafter(threshold, 0) * 0.999) for score in scores]
    assert not attempt(below, threshold).accepted
    assert 0 <= (attempt(scores).fused or 0.0) <= 1


@given(st.floats(-30, 30))
def test_logit_and_sigmoid_undo_each_other(x: float) -> None:
    assert logit(sigmoid(x)) == pytest.approx(x, abs=1e-2)
    assert (logit(0.0), logit(1.0)) == (-math.inf, math.inf)


def test_the_patience_counts_the_frames_of_earlier_faces() -> None:
    made = Attempt(0.9, FusionRule(window=5, patience=10), earlier=8)
    made.add(0.1)
    assert not made.exhausted
    made.add(0.1)
    assert made.exhausted
    assert not made.full


def test_the_far_of_an_attempt_is_estimated_at_the_threshold_in_force() -> None:
    point = OperatingPoint(0.01, 0.5, 0.008, 0.012)
    calibration = Calibration(0.001, 0.0005, 0.002, 200, 19_900, "cohort", (point,))
    found = estimate_attempt_far(calibration, FarEvidence(0.01, 0.012))
    assert found is not None
    assert found.single == 0.01
    assert found.low95 == pytest.approx(0.008 * 1.20)
    assert found.low95 < found.value < found.upper95
    assert estimate_attempt_far(calibration, FarEvidence()) is None  # a threshold of the user's own
    assert estimate_attempt_far(None, FarEvidence(0.01, 0.012)) is None
    assert estimate_attempt_far(calibration, FarEvidence(0.02, 0.03)) is None
    certain = Calibration(0.9, 0.8, 1.0, 200, 19_900, "cohort")
    assert estimate_attempt_far(certain, FarEvidence(0.9, 1.0)) == AttemptFar(1.0, pytest.approx(0.96), 1.0, 0.9)
