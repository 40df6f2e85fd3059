"""Embeddings of a person and a bundle's cohort -> the person's score, its threshold, and the evidence for both."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from facedge.bundle import Bundle, Calibration
from facedge.bundle.arrays import read_cohort
from facedge.enrollment import calibration
from facedge.enrollment.calibration import MOST_ENROLLED, OWN_IMPOSTORS, Linear, cohort_trials, template
from facedge.enrollment.duplicates import Fingerprint, enrolled_already
from facedge.enrollment.source_check import SourceCheck, check_source
from facedge.errors import BundleError
from facedge.metrics.intervals import clopper_pearson
from facedge.metrics.thresholds import Threshold
from facedge.types import Float32Array, Int32Array

USUAL_FAR = 1e-3
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


@dataclass(frozen=True)
class FittedScore:
    """A person's score with its threshold and evidence.

    logit        the score as the head computes it, before its sigmoid
    threshold    as the head's probability; `point` is the same on cosines
    evidence     for the threshold, with the other operating points, as the manifest holds it
    frr          share of the person's own samples refused when held out, with its 95 % interval; None with one sample
    cohort_frr   share of the cohort's own probes refused, when enrolled with as many images
    cohort_frr_before           the same without own impostors; higher by them is what they cost
    passed_identities, passed   identities and images of the cohort that pass as this person
    own_impostors, own_passed   images of the user's own impostors, and how many of them pass
    own_raised                  how many of them would pass at the threshold for the FAR, which they raised
    calibration_error           of the probability, over people of the cohort
    """

    logit: Linear
    threshold: float
    point: Threshold
    evidence: Calibration
    samples: int
    frr: tuple[float, float, float] | None
    cohort_frr: float
    cohort_frr_before: float
    passed_identities: int
    passed: int
    own_impostors: int
    own_passed: int
    own_raised: int
    calibration_error: float
    source: SourceCheck

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
            "frr_of_cohort": self.cohort_frr,
            "cohort_identities_that_pass": self.passed_identities,
            "cohort_images_that_pass": self.passed,
            "own_impostor_images": self.own_impostors,
            "own_impostor_images_that_pass": self.own_passed,
            "own_impostor_images_that_raised_the_threshold": self.own_raised,
            "frr_of_cohort_without_own_impostors": self.cohort_frr_before,
            "calibration_error": self.calibration_error,
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
    score = template(enrolled)
    trials = cohort_trials(cohort, people, len(enrolled))
    asked = calibration.choose_point(trials, far if far is not None else calibration.usual_far(trials, USUAL_FAR))
    link = calibration.fit_logistic(trials.genuine, trials.impostor)
    scores = score.score(cohort)
    floor = float(scores[own].max()) + MARGIN if own.any() else -1.0
    raised = int((scores[own] >= asked.threshold).sum())
    point = calibration.raise_point(asked, trials, floor) if raised else asked
    threshold = calibration.as_score(link, point.threshold)
    passed = scores >= point.threshold
    return FittedScore(
        logit=score.scaled(link.slope, link.shift),
        threshold=threshold,
        point=point,
        evidence=calibration.evidence(trials, point, link, floor),
        samples=len(enrolled),
        frr=_held_out(enrolled, point.threshold),
        cohort_frr=float(np.mean(trials.genuine < point.threshold)),
        cohort_frr_before=float(np.mean(trials.genuine < asked.threshold)),
        passed_identities=len(np.unique(people[passed])),
        passed=int(passed.sum()),
        own_impostors=int(own.sum()),
        own_passed=sum(calibration.as_score(link, value) >= threshold for value in scores[own].tolist()),
        own_raised=raised,
        calibration_error=calibration.calibration_error(trials),
        source=check_source(enrolled, cohort[~own], people[~own], cohort[own] if own.any() else None, score),
    )


def person_threshold(bundle: Bundle) -> float:
    """The cosine above which an embedding and the mean of some others are of one person, at the usual FAR."""
    cohort, people = whole_cohort(bundle)
    trials = cohort_trials(cohort, people, MOST_ENROLLED)
    return calibration.choose_point(trials, calibration.usual_far(trials, USUAL_FAR)).threshold


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
    new[enrolled_already(impostors.embeddings, cohort[own])] = False
    first = int(identities[own].max()) + 1 if own.any() else OWN_IMPOSTORS
    people = np.concatenate([identities, impostors.people[new] + first]).astype(np.int32)
    return np.concatenate([cohort, impostors.embeddings[new]]), people


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
