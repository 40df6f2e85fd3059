"""The thresholds of an enrollment, with their evidence: looked up in the bundle's table, or from trials on its cohort.

Both give the same, since export fills the table by these trials (facedge/export/calibration_table.py). Trials are run
where the bundle has no table, for a FAR that it does not hold, and where the user's own impostors join the cohort.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from facedge.bundle import Calibration, OperatingPoint
from facedge.bundle.calibration_table import CalibrationTable
from facedge.enrollment.calibration import (
    METHOD,
    TARGETS,
    Logistic,
    Trials,
    as_score,
    calibration_error,
    fit_logistic,
    frr_at,
)
from facedge.errors import InputError
from facedge.metrics.thresholds import Threshold, far_at_threshold, supported_thresholds, threshold_at_far

USUAL_FAR = 1e-3


@dataclass(frozen=True)
class Point:
    """Accept from this cosine on: the target FAR, the 95 % interval of the FAR, the share of genuine probes refused."""

    cosine: float
    target: float
    low95: float
    high95: float
    frr: float


@dataclass(frozen=True)
class Calibrated:
    """The score of an enrollment, calibrated: its thresholds, and the impostors behind them.

    link    cosine -> probability
    chosen  the operating point in force
    points  all of TARGETS that the impostors support
    error   expected calibration error of the probability
    """

    link: Logistic
    chosen: Point
    points: tuple[Point, ...]
    identities: int
    comparisons: int
    error: float

    @property
    def threshold(self) -> float:
        """The threshold in force, as the head's probability."""
        return as_score(self.link, self.chosen.cosine)

    def evidence(self) -> Calibration:
        """The manifest's calibration."""
        points = tuple(
            OperatingPoint(p.target, as_score(self.link, p.cosine), p.low95, p.high95, p.frr) for p in self.points
        )
        return Calibration(
            far_target=self.chosen.target,
            far_low95=self.chosen.low95,
            far_upper95=self.chosen.high95,
            identities=self.identities,
            comparisons=self.comparisons,
            method=METHOD,
            points=points,
        )

    def above(self, floor: float, trials: Trials) -> "Calibrated":
        """The same with no threshold below the cosine `floor`; rates where it is higher are those of the trials."""
        raised = [_raised(point, floor, trials) for point in (self.chosen, *self.points)]
        return replace(self, chosen=raised[0], points=tuple(raised[1:]))


def look_up(table: CalibrationTable, images: int, far: float | None) -> Calibrated | None:
    """The table's thresholds for an enrollment by so many images; None for a FAR that it does not hold.

    far: None takes the usual one, or the lowest above it.
    """
    row = table.rows[table.row_for(images)]
    points = tuple(Point(p.threshold, p.far_target, p.far_low95, p.far_upper95, p.frr) for p in row.points)
    chosen = _at(points, far)
    if chosen is None:
        return None
    link = Logistic(row.slope, row.shift)
    return Calibrated(link, chosen, points, table.identities, table.comparisons, row.calibration_error)


def from_trials(trials: Trials, far: float | None) -> Calibrated:
    """Thresholds by trials on the cohort; `far` as in `look_up`. InputError for a FAR that they do not support."""
    ids = trials.impostor_pairs
    supported = list(supported_thresholds(trials.impostor, TARGETS, identities=ids).values())
    points = tuple(_point(found, trials) for found in supported)
    chosen = _at(points, far)
    if chosen is None:
        try:
            found = threshold_at_far(trials.impostor, TARGETS[-1] if far is None else far, identities=ids)
        except InputError as problem:
            raise InputError(f"far: {problem}") from problem
        chosen, supported = _point(found, trials), [found]
    counts = supported[0].estimate
    link = fit_logistic(trials.genuine, trials.impostor)
    return Calibrated(link, chosen, points, counts.identities, counts.comparisons, calibration_error(trials))


def _at(points: Sequence[Point], far: float | None) -> Point | None:
    if far is None:
        return next((point for point in points if point.target >= USUAL_FAR), None)
    return next((point for point in points if point.target == far), None)


def _point(found: Threshold, trials: Trials) -> Point:
    estimate = found.estimate
    return Point(found.threshold, found.target, estimate.low95, estimate.high95, frr_at(trials, found.threshold))


def _raised(point: Point, floor: float, trials: Trials) -> Point:
    if point.cosine >= floor:
        return point
    estimate = far_at_threshold(trials.impostor, floor, identities=trials.impostor_pairs)
    return Point(floor, point.target, estimate.low95, estimate.high95, frr_at(trials, floor))
