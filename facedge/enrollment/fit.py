"""Embeddings of a person and a bundle's cohort -> the person's score, its threshold, and the evidence for both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facedge.bundle import Bundle, Calibration
from facedge.bundle.calibration_table import CalibrationTable, read_table
from facedge.bundle.cohort import read_cohort
from facedge.enrollment.calibration import OWN_IMPOSTORS, Linear, as_score, cohort_trials, template
from facedge.enrollment.conditions import raise_thresholds, shown_conditions
from facedge.enrollment.duplicates import Fingerprint, copy_cosine, enrolled_already
from facedge.enrollment.operating_points import Calibrated, Point, from_trials, look_up
from facedge.enrollment.source_check import SourceCheck, check_source
from facedge.errors import BundleError
from facedge.formatting import percent
from facedge.metrics.intervals import clopper_pearson
from facedge.types import Float32Array, Int32Array

FOLDS = 10  # of the held-out FRR
# Fewer refused samples prove nothing: of enrollments by 4, 5, 7 and 10 photos of one person (CelebA test), 2.5, 1.6,
# 1.4 and 0.7 % have as many refused and more than half; of photos of as many different people, all.
FEWEST_REFUSED = 4
# Cosine by which the threshold lies above own impostors: the same photo re-encoded as JPEG of quality 75 scores at most
# 0.018 higher in 99 % of 18,000 comparisons (100 photos with 180 people, CelebA test).
MARGIN = 0.02
METHOD = "cosine to the mean of the samples, calibrated to a probability on the cohort"


@dataclass(frozen=True)
class Impostors:
    """Photos of people the user knows.

    embeddings    float32 (M, D)
    people        the person in each, int32 (M,)
    sources       the name of each photo; () where they are not known
    fingerprints  by which copies of each photo are found; () like sources
    """

    embeddings: Float32Array
    people: Int32Array
    sources: tuple[str, ...] = ()
    fingerprints: tuple[Fingerprint | None, ...] = ()

    @property
    def mirrored(self) -> Float32Array:
        """Embeddings of the photos' mirror images, float32 (M, D); of the photos themselves where they are unknown."""
        found = self.embeddings.copy()
        for number, known in enumerate(self.fingerprints):
            found[number] = found[number] if known is None else known.mirrored
        return found


@dataclass(frozen=True)
class FittedScore:
    """A person's score with its thresholds and evidence.

    logit        the score as the head computes it, before its sigmoid
    calibrated   the thresholds on cosines, and what they rest on
    samples      embeddings behind the template
    frr          share of the person's own samples refused when held out, with its 95 % interval; None with one sample
    condition    what the samples show that raised the thresholds (facedge.enrollment.conditions); "" for nothing
    frr_before   share of genuine probes refused before own impostors or a condition raised the threshold
    passed_identities, passed   identities and images of the cohort that pass as this person
    own_impostors, own_passed   images of the user's own impostors, and how many of them pass
    own_raised                  how many of them would pass at the threshold for the FAR, which they raised
    """

    logit: Linear
    calibrated: Calibrated
    samples: int
    frr: tuple[float, float, float] | None
    condition: str
    frr_before: float
    passed_identities: int
    passed: int
    own_impostors: int
    own_passed: int
    own_raised: int
    source: SourceCheck

    @property
    def point(self) -> Point:
        """The operating point in force, on cosines."""
        return self.calibrated.chosen

    @property
    def threshold(self) -> float:
        """The threshold in force, as the head's probability."""
        return self.calibrated.threshold

    @property
    def evidence(self) -> Calibration:
        """The evidence for the threshold, with the other operating points, as the manifest holds it."""
        return self.calibrated.evidence()

    @property
    def warnings(self) -> list[str]:
        """What is wrong with the samples, a sentence each; empty where nothing is."""
        if not self.condition:
            return self.source.warnings()
        return [
            f"these photos show {self.condition}, where people are more alike: the threshold is raised to keep the "
            f"FAR, and before a camera with such pictures about {percent(self.point.frr)} of this person's own photos "
            "are refused; enroll in even light with the whole face in view",
            *self.source.warnings(),
        ]

    @property
    def refused_samples(self) -> int:
        """How many of the person's own samples are refused when held out."""
        return round(self.frr[0] * self.samples) if self.frr is not None else 0

    @property
    def mostly_refused(self) -> bool:
        """Whether the person would be refused more often than accepted."""
        return self.refused_samples >= FEWEST_REFUSED and 2 * self.refused_samples > self.samples

    def figures(self) -> dict[str, Any]:
        """Plain JSON, for the manifest and `facedge enroll --json`; NaN becomes None."""
        rate, low, high = self.frr or (None, None, None)
        found = {
            "method": METHOD,
            "samples": self.samples,
            "held_out_frr": rate,
            "held_out_frr_low95": low,
            "held_out_frr_high95": high,
            "frr_of_cohort": self.point.frr,
            "cohort_identities_that_pass": self.passed_identities,
            "cohort_images_that_pass": self.passed,
            "own_impostor_images": self.own_impostors,
            "own_impostor_images_that_pass": self.own_passed,
            "own_impostor_images_that_raised_the_threshold": self.own_raised,
            "condition": self.condition or None,
            "frr_of_cohort_before_raised": self.frr_before,
            "calibration_error": self.calibrated.error,
            "source_percentile": self.source.percentile,
            "sample_likeness": self.source.alike,
        }
        return {key: None if isinstance(v, float) and not np.isfinite(v) else v for key, v in found.items()}


def fit(
    bundle: Bundle, enrolled: Float32Array, *, far: float | None = None, impostors: Impostors | None = None
) -> FittedScore:
    """Fit the score of a person to embeddings (K, D) and calibrate it on the bundle's cohort.

    far        the FAR to set the threshold for; None takes 0.001, or the lowest usual one that the cohort supports
    impostors  people the user knows: they join the cohort, and the threshold lies above the scores of all of them

    Raises BundleError without a cohort, InputError for a FAR that it does not support.
    """
    cohort, people = whole_cohort(bundle, impostors)
    own = people >= OWN_IMPOSTORS
    score, table = template(enrolled), read_table(bundle.files, bundle.manifest.embedding_size)
    scores = score.score(cohort)
    asked = found = _calibrated(cohort, people, len(enrolled), far, table)
    raised = int((scores[own] >= asked.chosen.cosine).sum())
    if raised:
        found = asked.above(float(scores[own].max()) + MARGIN, cohort_trials(cohort, people, len(enrolled)))
    condition = ""
    if table is not None:
        found, condition = raise_thresholds(found, shown_conditions(table, enrolled, score))
    passed = scores >= found.chosen.cosine
    return FittedScore(
        logit=score.scaled(found.link.slope, found.link.shift),
        calibrated=found,
        samples=len(enrolled),
        frr=_held_out(enrolled, found.chosen.cosine),
        condition=condition,
        frr_before=asked.chosen.frr,
        passed_identities=len(np.unique(people[passed])),
        passed=int(passed.sum()),
        own_impostors=int(own.sum()),
        own_passed=sum(as_score(found.link, value) >= found.threshold for value in scores[own].tolist()),
        own_raised=raised,
        source=check_source(enrolled, cohort[~own], people[~own], cohort[own] if own.any() else None, score),
    )


def calibrate(
    bundle: Bundle, images: int, far: float | None = None, *, alone: Sequence[Float32Array] = ()
) -> Calibrated:
    """The thresholds for an enrollment by so many images, from the bundle's table or cohort; errors as `fit`.

    alone: embeddings (D,), raised to what each of them would need as an enrollment of its own.
    """
    table = read_table(bundle.files, bundle.manifest.embedding_size)
    found = _calibrated(*whole_cohort(bundle), images, far, table)
    if table is None:
        return found
    shown = [one for x in alone for one in shown_conditions(table, x[None], template(x[None]))]
    return raise_thresholds(found, shown)[0]


def _calibrated(
    cohort: Float32Array, people: Int32Array, images: int, far: float | None, table: CalibrationTable | None
) -> Calibrated:
    found = None
    if table is not None and not (people >= OWN_IMPOSTORS).any():
        found = look_up(table, images, far)
    return found if found is not None else from_trials(cohort_trials(cohort, people, images), far)


def whole_cohort(bundle: Bundle, impostors: Impostors | None = None) -> tuple[Float32Array, Int32Array]:
    """The bundle's cohort (N, D) and its identities (N,), with the user's own impostors added, a photo once.

    Raises BundleError where the bundle carries no cohort.
    """
    found = read_cohort(bundle.files)
    if found is None:
        raise BundleError(
            f"{bundle.path.name} carries no cohort, so no threshold can be justified: export it with --faces"
        )
    cohort, identities = found
    if impostors is None or not len(impostors.embeddings):
        return cohort, identities
    own = identities >= OWN_IMPOSTORS
    new = np.ones(len(impostors.embeddings), bool)
    new[find_enrolled(impostors.embeddings, cohort[own], cohort, identities)] = False
    first = int(identities[own].max()) + 1 if own.any() else OWN_IMPOSTORS
    people = np.concatenate([identities, impostors.people[new] + first]).astype(np.int32)
    return np.concatenate([cohort, impostors.embeddings[new]]), people


def find_enrolled(
    embeddings: Float32Array,
    enrolled: Float32Array,
    cohort: Float32Array,
    people: Int32Array,
    mirrored: Float32Array | None = None,
) -> list[int]:
    """`enrolled_already` by the `copy_cosine` of a cohort, as `whole_cohort` gives it, less the user's impostors."""
    if not len(enrolled) or not len(embeddings):  # the cosine takes the time of some embeddings
        return []
    others = people < OWN_IMPOSTORS
    return enrolled_already(embeddings, enrolled, copy_cosine(cohort[others], people[others]), mirrored)


def _held_out(enrolled: Float32Array, threshold: float) -> tuple[float, float, float] | None:
    """(FRR, low, high) of the samples, each scored by a template of the other folds; exact 95 % interval."""
    count = len(enrolled)
    if count < 2:
        return None
    folds = np.arange(count) % min(FOLDS, count)
    missed = 0
    for fold in np.unique(folds):
        missed += int((template(enrolled[folds != fold]).score(enrolled[folds == fold]) < threshold).sum())
    return missed / count, *clopper_pearson(missed, count)
