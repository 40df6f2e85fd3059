"""The calibration table of a bundle, made once from its cohort: see facedge/bundle/calibration_table.py.

Its rows are the trials that enrollment would run (facedge/enrollment/operating_points.py). Its conditions come from
faces of a prepared dataset, embedded by the bundle's backbone as they are and degraded (facedge/dataset/conditions.py):
nothing in it is chosen by hand for one backbone, so that another one gets its own table by the same command.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from facedge.bundle import Bundle
from facedge.bundle.calibration_table import (
    CALIBRATION,
    CalibrationTable,
    Condition,
    ConditionRow,
    TablePoint,
    TableRow,
)
from facedge.bundle.cohort import read_cohort
from facedge.dataset.conditions import CONDITIONS, under_condition
from facedge.dataset.prepared import Faces
from facedge.enrollment.calibration import FEWEST_PEOPLE, MOST_ENROLLED, cohort_trials
from facedge.enrollment.conditions import discriminant
from facedge.enrollment.consistency import shrunk
from facedge.enrollment.operating_points import Calibrated, from_trials
from facedge.export.calibrate import TRIAL_PEOPLE, TRIAL_ROWS
from facedge.metrics.comparisons import random_turns
from facedge.metrics.thresholds import lowest_threshold
from facedge.runtime.embedder import BATCH, Embedder
from facedge.types import BoolArray, Float64Array, Int32Array, IntArray, Track, UInt8Array, untracked

DRAWS = 5  # enrollments of each person by random images, for the limits of conditions
MOST_MISSED = 0.001  # of the enrollments under a condition that is far from ordinary ones
SHRINKAGE = 0.1  # of the covariance towards a multiple of the identity; 0.02 finds as many
FEWEST_FOR_CONDITIONS = 40  # people: below, the directions of conditions would be those of single people


@dataclass(frozen=True)
class Limits:
    """From when on an enrollment shows a condition, and what the threshold is then set for.

    Attributes:
        claimed_from: standard deviations of ordinary enrollments along the condition's direction; no sooner than
            MOST_MISSED of those under the condition are missed, where the two are far apart
        share_of_far: of the FAR asked: photos that are degraded and then searched for faces differ from the cohort's
            crops
    """

    claimed_from: float
    share_of_far: float


# By benchmarks/condition_limits.py: tables from one half of the 100 validation people judge the other half. At 0.1 %
# asked no condition lets more than 0.19 % pass, 4 % of ordinary enrollments are taken for a condition, and ordinary
# photos are refused as often as without conditions (10.4 %). With 2.5 deviations 12 % are, with 4 deviations 2 % and
# more pass under the conditions on average; with 0.8 of the FAR one condition is above twice the FAR.
LIMITS = Limits(3.4, 0.6)


@dataclass(frozen=True)
class Embedded:
    """Embeddings (N, D) of people under one condition, L2-normalised, and who is in each (N,)."""

    x: Float64Array
    people: IntArray


def calibration_table(bundle: Bundle, faces: Faces, *, track: Track = untracked) -> CalibrationTable | None:
    """The table of a bundle that carries a cohort; None where that has too few people to state a FAR.

    Args:
        faces: a prepared dataset, whose validation people show the conditions; prepared for the bundle's backbone
    """
    cohort = read_cohort(bundle.files)
    if cohort is None or (np.unique(cohort[1], return_counts=True)[1] > 1).sum() < FEWEST_PEOPLE:
        return None
    counts = range(1, MOST_ENROLLED + 1)
    trials = [from_trials(cohort_trials(*cohort, count), None) for count in counts]
    targets = sorted(set.intersection(*({point.target for point in found.points} for found in trials)))
    if not targets:
        return None
    rows = tuple(_row(count, found, targets) for count, found in zip(counts, trials, strict=True))
    conditions = tuple(_conditions(bundle, faces, rows, track))
    return CalibrationTable(trials[0].identities, trials[0].comparisons, rows, conditions)


def table_files(bundle: Bundle, faces: Faces, *, track: Track = untracked) -> dict[str, bytes]:
    """calibration.json of `calibration_table` by its name; {} where there is none."""
    table = calibration_table(bundle, faces, track=track)
    return {CALIBRATION: table.to_json()} if table is not None else {}


def _row(images: int, found: Calibrated, targets: list[float]) -> TableRow:
    points = tuple(
        TablePoint(p.target, p.cosine, p.low95, p.high95, p.frr) for p in found.points if p.target in targets
    )
    return TableRow(images, found.link.slope, found.link.shift, found.error, points)


def _conditions(bundle: Bundle, faces: Faces, rows: tuple[TableRow, ...], track: Track) -> Iterator[Condition]:
    chosen = _rows_of_people(faces)
    people = np.unique(faces.identities[chosen])
    if len(people) < FEWEST_FOR_CONDITIONS:
        return
    crops, who = np.asarray(faces.images[chosen]), faces.identities[chosen]
    yield from conditions_of(*embed_conditions(Embedder(bundle), crops, who, track), rows)


def embed_conditions(
    embedder: Embedder, crops: UInt8Array, who: Int32Array, track: Track = untracked
) -> tuple[Embedded, dict[str, Embedded]]:
    """Aligned crops (N, H, W) or (N, H, W, 3) of people `who` (N,), as they are and under each condition by its name.

    A condition in which enrollment refuses nearly all of them is left out.
    """
    ordinary = _embedded(embedder, list(crops), who)
    found = {}
    for name in track(list(CONDITIONS), "conditions"):
        shown, kept = under_condition(crops, name)
        if len(np.unique(who[kept])) >= FEWEST_FOR_CONDITIONS:
            found[name] = _embedded(embedder, shown, who[kept])
    return ordinary, found


def conditions_of(
    ordinary: Embedded, found: dict[str, Embedded], rows: tuple[TableRow, ...], limits: Limits = LIMITS
) -> Iterator[Condition]:
    """The conditions of a table with these rows, from embeddings of the same people."""
    covariance = _pooled_covariance([ordinary, *found.values()])
    for name, degraded in found.items():
        mean = degraded.x.mean(axis=0)
        direction = discriminant(ordinary.x.mean(axis=0), mean, covariance)
        direction /= np.linalg.norm(direction)
        own = tuple(_condition_row(row, ordinary, degraded, direction, limits) for row in rows)
        yield Condition(name, tuple(mean.tolist()), tuple(direction.tolist()), own)


def _rows_of_people(faces: Faces) -> IntArray:
    """The validation images of people with two images or more: up to 24 each of the 200 people with most."""
    rows = faces.indices("validation")
    rows = rows[faces.identities[rows] >= 0]
    people, counts = np.unique(faces.identities[rows], return_counts=True)
    most = people[np.argsort(-counts, kind="stable")][: min(TRIAL_PEOPLE, int((counts > 1).sum()))]
    rows = rows[np.isin(faces.identities[rows], most)]
    return np.asarray(rows[random_turns(faces.identities[rows]) < TRIAL_ROWS])


def _embedded(embedder: Embedder, crops: Sequence[UInt8Array], people: Int32Array) -> Embedded:
    parts = [embedder.embed(np.stack(crops[start : start + BATCH])) for start in range(0, len(crops), BATCH)]
    return Embedded(np.concatenate(parts).astype(np.float64), people.astype(np.int64))


def _pooled_covariance(groups: list[Embedded]) -> Float64Array:
    """The mean covariance (D, D) of embeddings under each condition, shrunk."""
    found = np.mean([np.cov(group.x.T) for group in groups if len(group.x) > 1], axis=0)
    return shrunk(found, SHRINKAGE)


def _condition_row(
    row: TableRow,
    ordinary: Embedded,
    degraded: Embedded,
    direction: Float64Array,
    limits: Limits,
) -> ConditionRow:
    """What a condition asks of enrollments by the row's number of images."""
    usual, _, _ = _enrollments(ordinary, row.images)
    mean = degraded.x.mean(axis=0)
    means, people, probes = _enrollments(degraded, row.images)
    templates = means / np.linalg.norm(means, axis=1, keepdims=True)
    along = usual @ direction
    limit = max(
        float(along.mean() + limits.claimed_from * along.std()), float(np.quantile(means @ direction, MOST_MISSED))
    )
    shifts = templates @ mean
    scores = templates @ degraded.x.T
    same = people[:, None] == degraded.people
    over = (scores - shifts[:, None])[~same]
    above = tuple(lowest_threshold(over, limits.share_of_far * point.far_target) for point in row.points)
    genuine = same & probes
    frr = []
    for point, gap in zip(row.points, above, strict=True):
        floors = np.maximum(point.threshold, shifts + gap)
        frr.append(float(np.mean((scores < floors[:, None])[genuine])))
    return ConditionRow(row.images, limit, above, tuple(frr))


def _enrollments(found: Embedded, images: int) -> tuple[Float64Array, IntArray, BoolArray]:
    """DRAWS enrollments of each person by random images: mean embeddings (E, D), people (E,), and what may probe.

    The last is bool (E, N): the images that did not enroll. Who has fewer images takes part with all but one.
    """
    rng = np.random.default_rng(images)
    people, counts = np.unique(found.people, return_counts=True)
    means, who, probes = [], [], []
    for person in np.repeat(people[counts > 1], DRAWS).tolist():
        rows = np.flatnonzero(found.people == person)
        enrolled = rng.permutation(rows)[: min(images, len(rows) - 1)]
        means.append(found.x[enrolled].mean(axis=0))
        who.append(person)
        probes.append(np.ones(len(found.people), bool))
        probes[-1][enrolled] = False
    return np.stack(means), np.array(who), np.stack(probes)
