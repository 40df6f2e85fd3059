"""From cosines to a probability, a threshold, and what stands behind both."""

from dataclasses import dataclass

import numpy as np

from facedge.bundle import Calibration, OperatingPoint
from facedge.errors import InputError
from facedge.metrics import Threshold, expected_calibration_error, threshold_at_far
from facedge.runtime.enrollment.linear import Floats
from facedge.runtime.enrollment.trials import Trials

TARGETS = (1e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2)
STEPS = 100  # of Newton's method; it converges in about ten
RIDGE = 1e-5  # keeps the slope finite where no impostor comes near a genuine score
METHOD = (
    "the cohort's people with several photos enrolled in turn, each against the others: the FAR of the method over "
    "pairs of people; 95 % interval by bootstrap over identities"
)


@dataclass(frozen=True)
class Logistic:
    """probability = sigmoid(slope * score + shift)."""

    slope: float
    shift: float

    def logit(self, scores: Floats) -> Floats:
        """Scores (N,) -> logits (N,)."""
        return np.asarray(self.slope * scores + self.shift)

    def probability(self, scores: Floats) -> Floats:
        """Scores (N,) -> probabilities (N,)."""
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(self.logit(scores), -80, 80))))


def fit_logistic(genuine: Floats, impostor: Floats) -> Logistic:
    """Platt's calibration: the probability that a probe is genuine, where genuine and impostor are equally likely.

    J. Platt, "Probabilistic outputs for support vector machines", 1999, with both classes weighing one half, since a
    cohort's mix of the two says nothing about who will stand before a camera.
    """
    x = np.concatenate([genuine, impostor])
    y = np.concatenate([np.ones(len(genuine)), np.zeros(len(impostor))])
    weight = np.where(y == 1, 0.5 / len(genuine), 0.5 / len(impostor))
    middle, unit = float(genuine.mean() + impostor.mean()) / 2, max(float(x.std()), 1e-6)
    design = np.stack([(x - middle) / unit, np.ones_like(x)], axis=1)  # in units in which Newton's steps are small
    theta = np.array([1.0, 0.0])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(design @ theta, -80, 80)))
        gradient = design.T @ (weight * (p - y)) + RIDGE * theta
        curvature = (design * (weight * p * (1 - p))[:, None]).T @ design + RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        theta = theta - step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-9:
            break
    slope = max(float(theta[0]), 1e-3) / unit  # never falling: a higher cosine is never less alike
    return Logistic(slope, float(theta[1]) - slope * middle)


def calibration_error(trials: Trials) -> float:
    """Expected calibration error of the probability, each half of the people calibrated by the other half."""
    people = np.unique(np.concatenate([trials.genuine_people, trials.impostor_pairs[:, 0]]))
    half = np.isin(people, people[::2])
    found = []
    for fit_on in (people[half], people[~half]):
        mine, theirs = np.isin(trials.genuine_people, fit_on), np.isin(trials.impostor_pairs[:, 0], fit_on)
        if mine.all() or not mine.any():
            return float("nan")
        link = fit_logistic(trials.genuine[mine], trials.impostor[theirs])
        found.append(_balanced_error(link, trials.genuine[~mine], trials.impostor[~theirs]))
    return float(np.mean(found))


def _balanced_error(link: Logistic, genuine: Floats, impostor: Floats) -> float:
    """The calibration error where genuine and impostor are equally likely: impostors thinned evenly by rank."""
    thinned = np.sort(impostor)[np.linspace(0, len(impostor) - 1, len(genuine)).astype(np.int64)]
    p = link.probability(np.concatenate([genuine, thinned]))
    return expected_calibration_error(p, np.concatenate([np.ones(len(genuine)), np.zeros(len(thinned))]))


def choose_point(trials: Trials, far: float) -> Threshold:
    """The threshold on cosines for a FAR, refused where the cohort's people do not support it."""
    try:
        return threshold_at_far(trials.impostor, far, identities=trials.impostor_pairs)
    except InputError as problem:
        raise InputError(f"--far: {problem}") from problem


def usual_far(trials: Trials, wanted: float) -> float:
    """`wanted`, or the lowest usual FAR above it that the cohort supports."""
    supported = [found.target for found in _supported(trials)]
    return next((target for target in supported if target >= wanted), TARGETS[-1])


def evidence(trials: Trials, chosen: Threshold, link: Logistic) -> Calibration:
    """The manifest's calibration: the point in force, and all the usual points that the cohort supports."""
    estimate = chosen.estimate
    return Calibration(
        far_target=chosen.target,
        far_low95=estimate.low95,
        far_upper95=estimate.high95,
        identities=estimate.identities,
        comparisons=estimate.comparisons,
        method=METHOD,
        points=tuple(_point(t, trials, link) for t in _supported(trials)),
    )


def _supported(trials: Trials) -> list[Threshold]:
    found = []
    for target in TARGETS:
        try:
            found.append(threshold_at_far(trials.impostor, target, identities=trials.impostor_pairs))
        except InputError:  # so few people do not support this target
            continue
    return found


def _point(found: Threshold, trials: Trials, link: Logistic) -> OperatingPoint:
    frr = float(np.mean(trials.genuine < found.threshold))
    low, high = found.estimate.low95, found.estimate.high95
    return OperatingPoint(found.target, as_score(link, found.threshold), low, high, frr)


def as_score(link: Logistic, threshold: float) -> float:
    """The threshold as the head's probability: what float32 makes of it, so that a tie stays a tie."""
    return float(np.float32(link.probability(np.array([threshold]))[0]))
