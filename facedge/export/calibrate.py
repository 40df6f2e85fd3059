"""The threshold of a face head, from impostors that neither backbone nor head ever saw.

The impostors are the validation identities of a prepared dataset. What they can prove is limited by how many people
they are, not how many images (`facedge.metrics.operating`); the manifest carries the interval and both counts.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facedge.bundle import Calibration, OperatingPoint
from facedge.errors import ExportError, InputError
from facedge.export.engine import Floats
from facedge.metrics import Threshold, random_turns, threshold_at_far

USUAL_FAR = 1e-3
TARGETS = (1e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 3e-2, 5e-2, 0.1)  # each needs about 3 / target identities
MOST_IMAGES_OF_ONE = 35  # CelebA's largest identity: the cautious guess where nobody knows who is who
TURN_PEOPLE = 200  # of the cohort, who are enrolled in turn: 19,900 pairs support a FAR of 0.02 %
TURN_ROWS = 24  # of each of them: as many as a user enrolls, and some to try

Identities = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Impostors:
    """Embeddings float32 (M, D) of people who are not me, int32 (M,) saying which person, and where they come from."""

    embeddings: Floats
    identities: Identities
    source: str

    @property
    def people(self) -> int:
        """The number of distinct identities."""
        return len(np.unique(self.identities))


def known_identities(identities: Identities) -> tuple[Identities, str]:
    """(identities without unknowns, a note for the method): 35 unknown images count as one person."""
    unknown = identities < 0
    if not unknown.any():
        return identities, ""
    filled = identities.astype(np.int32).copy()
    filled[unknown] = identities.max(initial=-1) + 1 + np.arange(unknown.sum()) // MOST_IMAGES_OF_ONE
    note = f"; {int(unknown.sum()):,} images of unknown identity count as one person per {MOST_IMAGES_OF_ONE} images"
    return filled, note


def calibrate(scores: Floats, impostors: Impostors, far: float | None = None) -> tuple[float, Calibration]:
    """(threshold, evidence) from the head's scores (M,) on the impostors.

    far: the target; None takes 0.001, or the lowest usual target that so many people support. Raises InputError for a
    target that they do not support, ExportError where the head gives impostors the highest score there is.
    """
    identities, note = known_identities(impostors.identities)
    found = {target: _threshold(scores, identities, target) for target in TARGETS}
    supported = {target: t for target, t in found.items() if t is not None}
    if far is None:
        far = next((target for target in supported if target >= USUAL_FAR), TARGETS[-1])
    chosen = supported.get(far) or threshold_at_far(scores, far, identities=identities)
    if chosen.threshold > 1.0:
        raise ExportError(
            f"{chosen.estimate.accepted_pairs or 'some'} impostors score 1, so no threshold gives a FAR of {far:g}: "
            "train the head on more photos of others, or ask for a higher --far"
        )
    points = tuple(_point(t) for t in supported.values() if t.threshold <= 1.0)
    return chosen.threshold, Calibration(
        far_target=far,
        far_low95=chosen.estimate.low95,
        far_upper95=chosen.estimate.high95,
        identities=chosen.estimate.identities,
        comparisons=chosen.estimate.comparisons,
        method=f"{impostors.source}; 95 % interval by bootstrap over identities{note}",
        points=points,
    )


def cohort(impostors: Impostors) -> Impostors:
    """What enrollment needs: up to 24 rows of the 200 people with most images, and one row of everybody else.

    The former are enrolled in turn (`facedge.runtime.enrollment.trials`); unknown people never: they are no one person.
    """
    identities, note = known_identities(impostors.identities)
    people, counts = np.unique(impostors.identities[impostors.identities >= 0], return_counts=True)
    turning = people[np.argsort(-counts, kind="stable")[:TURN_PEOPLE]]
    most = np.where(np.isin(impostors.identities, turning), TURN_ROWS, 1)
    rows = np.flatnonzero(random_turns(identities) < most)
    return Impostors(impostors.embeddings[rows], identities[rows].astype(np.int32), impostors.source + note)


def _threshold(scores: Floats, identities: Identities, target: float) -> Threshold | None:
    try:
        return threshold_at_far(scores, target, identities=identities)
    except InputError:  # so many people do not support this target
        return None


def _point(t: Threshold) -> OperatingPoint:
    return OperatingPoint(t.target, t.threshold, t.estimate.low95, t.estimate.high95)
