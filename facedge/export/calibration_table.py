"""The calibration table of a bundle, made once from its cohort: see facedge/bundle/calibration_table.py.

Its rows are the trials that enrollment would run (facedge/enrollment/operating_points.py). Its conditions come from
faces of a prepared dataset, embedded by the bundle's backbone as they are and degraded (facedge/export/conditions.py):
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
from facedge.dataset.prepared import Faces
from facedge.enrollment.calibration import FEWEST_PEOPLE, MOST_ENROLLED, cohort_trials
from facedge.enrollment.conditions import discriminant
from facedge.enrollment.operating_points import Calibrated, from_trials
from facedge.export.calibrate import TRIAL_PEOPLE, TRIAL_ROWS
from facedge.export.conditions import CONDITIONS, under_condition
from facedge.metrics.comparisons import random_turns
from facedge.metrics.thresholds import lowest_threshold
from facedge.runtime.embedder import BATCH, Embedder
from facedge.types import BoolArray, Float64Array, Int32Array, IntArray, Track, UInt8Array, untracked

DRAWS = 5  # enrollments of each person by random images, for the limits of conditions
# An enrollment shows a condition from this many standard deviations of ordinary ones on, so that few of these are
# claimed (the highest of 100 people lies at about 2.5: with the limit there, 13 conditions claim 16 % of the ordinary
# enrollments of other people), but no sooner than MOST_MISSED of those under the condition are missed, where the two
# are far apart. Of 180 other people enrolled by 3 ordinary photos 7 % are claimed, which costs 0.4 points of FRR; 3.0
# deviations cost 0.8 points, and 3.5 find too few of the faces lit by infrared.
# A low resolution that just passes the limit on blur lies near ordinary photos: of the enrollments of 100 validation
# people under it 15 % show it at 3.4 deviations and 57 % at 2.0, where its FAR falls from 0.13 to 0.08 % and 3 to 4 %
# of ordinary enrollments are claimed, for 0.3 points of FRR (1 photo) to 0.1 (3 photos).
CLAIMED_FROM = 3.4
CLAIMED_SOONER = {"a low resolution": 2.0}
MOST_MISSED = 0.001
# Of the FAR asked, what the thresholds under a condition are set for: photos that are degraded and then searched for
# faces differ from the cohort's crops, and set for the whole FAR, up to twice as much is realised among them.
SHARE_OF_FAR = 0.6
SHRINKAGE = 0.1  # of the covariance towards a multiple of the identity; 0.02 finds as many
FEWEST_FOR_CONDITIONS = 40  # people: below, the directions of conditions would be those of single people


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
    embedder = Embedder(bundle)
    ordinary = _embedded(embedder, list(crops), who)
    found = {}
    for name in track(list(CONDITIONS), "conditions"):
        shown, kept = under_condition(crops, name)
        if len(np.unique(who[kept])) >= FEWEST_FOR_CONDITIONS:  # else nearly all of it is refused before
            found[name] = _embedded(embedder, shown, who[kept])
    covariance = _pooled_covariance([ordinary, *found.values()])
    for name, degraded in found.items():
        mean = degraded.x.mean(axis=0)
        direction = discriminant(ordinary.x.mean(axis=0), mean, covariance)
        direction /= np.linalg.norm(direction)
        claimed = CLAIMED_SOONER.get(name, CLAIMED_FROM)
        own = tuple(_condition_row(row, ordinary, degraded, mean, direction, claimed) for row in rows)
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
    level = float(np.trace(found)) / len(found)
    return np.asarray((1 - SHRINKAGE) * found + SHRINKAGE * level * np.eye(len(found)))


def _condition_row(
    row: TableRow,
    ordinary: Embedded,
    degraded: Embedded,
    mean: Float64Array,
    direction: Float64Array,
    claimed_from: float,
) -> ConditionRow:
    """What a condition asks of enrollments by the row's number of images; claimed_from: in standard deviations."""
    usual, _, _ = _enrollments(ordinary, row.images)
    means, people, probes = _enrollments(degraded, row.images)
    templates = means / np.linalg.norm(means, axis=1, keepdims=True)
    along = usual @ direction
    limit = max(float(along.mean() + claimed_from * along.std()), float(np.quantile(means @ direction, MOST_MISSED)))
    shifts = templates @ mean
    scores = templates @ degraded.x.T
    same = people[:, None] == degraded.people
    over = (scores - shifts[:, None])[~same]
    above = tuple(lowest_threshold(over, SHARE_OF_FAR * point.far_target) for point in row.points)
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
