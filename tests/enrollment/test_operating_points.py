"""The thresholds of an enrollment: the bundle's table gives what trials on its cohort give."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

from live_bundle import cohort, picture, write_template
from tiny_bundle import embedding_of

from facedge.bundle import Bundle
from facedge.bundle.calibration_table import CALIBRATION, CalibrationTable, TablePoint, TableRow
from facedge.enrollment.calibration import cohort_trials
from facedge.enrollment.fit import Impostors, calibrate, fit
from facedge.enrollment.operating_points import from_trials, look_up
from facedge.errors import InputError


def table() -> CalibrationTable:
    """The table of the cohort of drawn people, as export makes it, without conditions."""
    rows = []
    for images in (1, 2, 3):
        found = from_trials(cohort_trials(*cohort(), images), None)
        points = tuple(TablePoint(p.target, p.cosine, p.low95, p.high95, p.frr) for p in found.points)
        rows.append(TableRow(images, found.link.slope, found.link.shift, found.error, points))
    return CalibrationTable(found.identities, found.comparisons, tuple(rows))


@pytest.fixture
def base(tmp_path: Path) -> Bundle:
    return write_template(tmp_path / "base.facedge")


@pytest.fixture
def tabled(base: Bundle) -> Bundle:
    return replace(base, files={**base.files, CALIBRATION: table().to_json()})


def enrolled(count: int) -> np.ndarray:
    return np.stack([embedding_of(picture(0, take)) for take in range(count)])


@pytest.mark.parametrize("count", [1, 2, 3, 8])
@pytest.mark.parametrize("far", [None, 0.01])
def test_the_table_gives_what_the_cohort_gives(base: Bundle, tabled: Bundle, count: int, far: float | None) -> None:
    by_trials, by_table = fit(base, enrolled(count), far=far), fit(tabled, enrolled(count), far=far)
    assert by_table.threshold == pytest.approx(by_trials.threshold, abs=1e-6)
    assert by_table.point.target == by_trials.point.target
    assert by_table.evidence.identities == by_trials.evidence.identities
    assert by_table.evidence.comparisons == by_trials.evidence.comparisons
    assert [p.far_target for p in by_table.evidence.points] == [p.far_target for p in by_trials.evidence.points]
    assert by_table.figures()["calibration_error"] == pytest.approx(by_trials.figures()["calibration_error"])


def test_a_far_beside_the_table_and_own_impostors_bring_trials(base: Bundle, tabled: Bundle) -> None:
    assert look_up(table(), 3, 0.0123) is None
    assert fit(tabled, enrolled(3), far=0.0123).threshold == fit(base, enrolled(3), far=0.0123).threshold
    twin = Impostors(np.stack([embedding_of(picture(0, take)) for take in range(50, 53)]), np.zeros(3, np.int32))
    raised, plain = fit(tabled, enrolled(3), impostors=twin), fit(base, enrolled(3), impostors=twin)
    assert raised.own_raised == plain.own_raised > 0
    assert raised.threshold == pytest.approx(plain.threshold, abs=1e-6)


def test_an_unsupported_far_is_refused_with_a_table_too(tabled: Bundle) -> None:
    with pytest.raises(InputError, match=r"^far: a FAR of 1e-06 needs"):
        calibrate(tabled, 3, 1e-6)
