"""Photos taken under one condition (dark glasses, light from behind, a squeezed picture): the threshold they need.

Under such a condition identity is partly lost and people become alike: with enrollment and probes in dark glasses 6 %
of other people's photos pass at a threshold for 0.1 % (benchmarks/results/conditions_before.md). What they have in
common is a direction in the space of embeddings. The bundle's table holds it for each condition, from its cohort
degraded so: an enrollment shows a condition where its mean embedding lies beyond a limit along that direction (linear
discriminant analysis), some standard deviations from the mean of ordinary enrollments (LIMITS in
facedge/export/calibration_table.py). The threshold is then set relative to the template's cosine to the mean of people
under that condition, so that the FAR holds among them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from facedge.bundle.calibration_table import CalibrationTable, vectors
from facedge.enrollment.calibration import Linear
from facedge.enrollment.operating_points import Calibrated, Point
from facedge.errors import InputError
from facedge.formatting import rate
from facedge.types import Float32Array, Float64Array

# With pictures that seem squeezed by their proportions too (facedge/faces/plausible.py) these are refused: at width
# 0.67 and 0.1 % asked, 0.26 % of other people's photos passed in spite of a raised threshold.
REFUSED_IF_DOUBTFUL = ("faces narrowed to 0.67 of their width", "faces widened to 1.33 of their width")


@dataclass(frozen=True)
class Shown:
    """A condition that an enrollment shows: its name, and for each target FAR of the table (cosine, FRR there)."""

    name: str
    targets: tuple[float, ...]
    cosines: tuple[float, ...]
    frr: tuple[float, ...]

    def at(self, far: float) -> tuple[float, float]:
        """(threshold on cosines, FRR) for a FAR, of the highest target that is no higher; InputError below all."""
        if far < self.targets[0]:
            raise InputError(
                f"these photos show {self.name}, where people are more alike, and for that the bundle has no threshold "
                f"at a FAR of {rate(far)}: ask for --far {rate(self.targets[0]).replace(' ', '')} or more, or "
                "enroll in even light with the whole face in view"
            )
        index = max(k for k, target in enumerate(self.targets) if target <= far)
        return self.cosines[index], self.frr[index]


def shown_conditions(table: CalibrationTable, enrolled: Float32Array, score: Linear) -> list[Shown]:
    """The conditions that the embeddings (K, D) of an enrollment show; `score` is the cosine to its template."""
    if not table.conditions:
        return []
    index = table.row_for(len(enrolled))
    means, directions = vectors(table.conditions)
    along = directions @ enrolled.astype(np.float64).mean(axis=0)
    targets = tuple(point.far_target for point in table.rows[index].points)
    found = []
    for condition, value, shift in zip(table.conditions, along, score.score(means), strict=True):
        row = condition.rows[index]
        if value >= row.limit:
            found.append(Shown(condition.name, targets, tuple(float(shift) + a for a in row.above), row.frr))
    return found


def raise_thresholds(calibrated: Calibrated, shown: Sequence[Shown]) -> tuple[Calibrated, str]:
    """The thresholds raised to what the conditions need, and the name of the one that decides; "" where none does.

    The interval of the FAR stays: it is set for the same FAR, among people under that condition. Operating points for a
    FAR below the lowest of the table are left out; InputError where the chosen one is below.
    """
    chosen, names = _raised(calibrated.chosen, shown)
    known = [point for point in calibrated.points if all(point.target >= one.targets[0] for one in shown)]
    points = tuple(_raised(point, shown)[0] for point in known)
    return replace(calibrated, chosen=chosen, points=points), names


def _raised(point: Point, shown: Sequence[Shown]) -> tuple[Point, str]:
    name = ""
    for one in shown:
        cosine, frr = one.at(point.target)
        if cosine > point.cosine:
            point, name = replace(point, cosine=cosine, frr=frr), one.name
    return point, name


def discriminant(ordinary: Float64Array, other: Float64Array, covariance: Float64Array) -> Float64Array:
    """The direction (D,) that tells two means (D,) apart where both vary by `covariance` (D, D): Fisher's."""
    return np.asarray(np.linalg.solve(covariance, other - ordinary))
