"""The limits from which on an enrollment shows a condition, and what they claim of ordinary enrollments."""

import numpy as np
import pytest

from facedge.bundle.calibration_table import TablePoint, TableRow
from facedge.export.calibration_table import (
    LIMITS,
    Embedded,
    Limits,
    _condition_row,
    _enrollments,
    conditions_of,
)

ROW = TableRow(3, 10.0, 0.0, 0.01, (TablePoint(0.01, 0.5, 0.005, 0.02, 0.1),))
DIRECTION = np.eye(8)[0]
SOONER = Limits(2.0, LIMITS.share_of_far)


def embedded(shift: float) -> Embedded:
    """60 people with 6 images each, about `shift` along DIRECTION."""
    rng = np.random.default_rng(0)
    x = rng.normal(0, 0.3, (360, 8)) + np.eye(8)[1] + shift * DIRECTION
    return Embedded(x / np.linalg.norm(x, axis=1, keepdims=True), np.repeat(np.arange(60), 6))


def test_a_condition_near_ordinary_photos_is_shown_sooner_where_fewer_deviations_are_asked() -> None:
    ordinary, degraded = embedded(0.0), embedded(0.4)
    along = _enrollments(ordinary, ROW.images)[0] @ DIRECTION
    shown = _enrollments(degraded, ROW.images)[0] @ DIRECTION
    limits, shares = [], []
    for asked in (SOONER, LIMITS):
        row = _condition_row(ROW, ordinary, degraded, DIRECTION, asked)
        limits.append(row.limit)
        shares.append(float(np.mean(shown >= row.limit)))
    deviations = np.array([SOONER.claimed_from, LIMITS.claimed_from])
    np.testing.assert_allclose(limits, along.mean() + deviations * along.std())
    assert shares[0] > shares[1]


def test_conditions_far_from_ordinary_photos_need_no_earlier_limit() -> None:
    """Far from them, the limit lies where nearly nobody under the condition is missed."""
    ordinary, degraded = embedded(0.0), embedded(4.0)
    rows = [_condition_row(ROW, ordinary, degraded, DIRECTION, asked) for asked in (SOONER, LIMITS)]
    assert rows[0].limit == rows[1].limit


def test_a_smaller_share_of_the_far_needs_higher_thresholds() -> None:
    ordinary, degraded = embedded(0.0), embedded(1.0)
    low, high = (_condition_row(ROW, ordinary, degraded, DIRECTION, Limits(4.0, share)) for share in (1.0, 0.3))
    assert high.above > low.above


def test_a_table_has_each_condition_with_enough_people() -> None:
    found = {"dark glasses": embedded(2.0), "motion blur": embedded(1.0)}
    conditions = list(conditions_of(embedded(0.0), found, (ROW,)))
    assert [one.name for one in conditions] == list(found)
    assert all(np.linalg.norm(one.direction) == pytest.approx(1) for one in conditions)
