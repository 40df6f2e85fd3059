"""The limits from which on an enrollment shows a condition, and what they claim of ordinary enrollments."""

import numpy as np

from facedge.bundle.calibration_table import TablePoint, TableRow
from facedge.export.calibration_table import LIMITS, LOW_RESOLUTION, Embedded, _condition_row, _enrollments
from facedge.export.conditions import CONDITIONS

ROW = TableRow(3, 10.0, 0.0, 0.01, (TablePoint(0.01, 0.5, 0.005, 0.02, 0.1),))
DIRECTION = np.eye(8)[0]


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
    for claimed_from in (2.0, LIMITS.claimed_from):
        row = _condition_row(ROW, ordinary, degraded, degraded.x.mean(axis=0), DIRECTION, claimed_from)
        limits.append(row.limit)
        shares.append(float(np.mean(shown >= row.limit)))
    np.testing.assert_allclose(limits, along.mean() + np.array([2.0, LIMITS.claimed_from]) * along.std())
    assert shares[0] > shares[1]


def test_conditions_far_from_ordinary_photos_need_no_earlier_limit() -> None:
    """Far from them, the limit lies where nearly nobody under the condition is missed."""
    ordinary, degraded = embedded(0.0), embedded(4.0)
    rows = [
        _condition_row(ROW, ordinary, degraded, DIRECTION, s, LIMITS.share_of_far) for s in (2.0, LIMITS.claimed_from)
    ]
    assert rows[0].limit == rows[1].limit


def test_each_earlier_limit_is_of_a_condition() -> None:
    assert LOW_RESOLUTION in CONDITIONS
