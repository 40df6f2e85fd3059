"""Score fusion and the liveness challenge, each by itself."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.live.attempt import Attempt, FusionRule, logit, sigmoid
from facedge.live.challenge import SECONDS, Challenge, random_side

BOX = (100.0, 100.0, 200.0, 220.0)


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


def turn(side: str, yaws: list[float | None], step: float = 0.1) -> str:
    challenge = Challenge(side, 0.1, BOX, 0.0)  # type: ignore[arg-type]
    state = "waiting"
    for number, yaw in enumerate(yaws, start=1):
        state = challenge.step(yaw, BOX if yaw is not None else None, number * step)
        if state != "waiting":
            break
    return state


def test_a_turn_and_back() -> None:
    assert turn("left", [0.2, 0.4, 0.5, 0.3, 0.15]) == "turned"
    assert turn("right", [0.0, -0.3, -0.1, 0.05]) == "turned"


def test_a_photo_that_keeps_still_fails_in_time() -> None:
    assert turn("left", [0.1] * 40) == "waiting"
    assert turn("left", [0.1] * 100) == "failed"
    assert turn("left", [0.5], step=SECONDS + 1) == "failed"


def test_the_wrong_way_another_face_and_a_gap_fail() -> None:
    assert turn("left", [0.0, -0.3]) == "failed"
    assert turn("left", [0.5, *[None] * 8, 0.1]) == "failed"
    jumped = Challenge("left", 0.0, BOX, 0.0)
    assert jumped.step(0.5, (300.0, 100.0, 400.0, 220.0), 0.1) == "failed"


def test_sides_are_drawn() -> None:
    assert {random_side() for _ in range(100)} == {"left", "right"}
