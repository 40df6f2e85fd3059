"""Calibration on a cohort: templates, comparison scores of its people, the threshold at a FAR, Platt's probability.

A person's template is the mean of their embeddings; its cosine to a probe is the score. Cosine to the mean was chosen
by measurement (benchmarks/enrollment.py: 10 images of each of 106 test people, threshold from the cohort at a FAR of
0.1 %, then the FRR at the FAR that is really 0.1 %): it refuses 8.3 % of genuine probes, the same normalised per person
9.0 %, a regularised logistic regression 9.4 %, a trained head 12.0 %, whitened 12.1 %, Fisher's discriminant 14.0 %.
All realise a FAR of 0.14 to 0.18 %. Training the backbone on identities leaves nothing to whiten.

Each person of the cohort is enrolled in turn and compared with all others. One person against 100 impostors can show a
FAR of 3 % and no less, but 100 people enrolled in turn make 4,950 pairs, which support a FAR of 0.1 %: of the method,
over people, at one threshold for all. A template comes from the person's own images alone, so every other person of
the cohort is an unseen impostor.

Two conditions decide whether such a threshold holds its FAR, both measured on 106 people of the test partition enrolled
by 10 images each, at a FAR of 0.1 % asked (benchmarks/enrollment.py). As many images must enroll as with the user: the
mean of ten is nearer to everybody than the mean of two, and thresholds from templates of two let 0.7 % pass. And
impostors must come from the same source as those enrolled: people of another data set differ by their camera, and with
them among the impostors 0.25 % pass, without them 0.15 %. So identities with one photo each take no part.
"""

from dataclasses import dataclass

import numpy as np

from facedge.bundle.head_onnx import head_onnx_bytes
from facedge.errors import BundleError, InputError
from facedge.metrics.attributes import expected_calibration_error
from facedge.types import Float64Array, FloatArray, IntArray


@dataclass(frozen=True)
class Linear:
    """score(x) = x . weight + bias; float64 (D,) and a number. Higher is more alike."""

    weight: Float64Array
    bias: float

    def score(self, embeddings: FloatArray) -> Float64Array:
        """Embeddings (N, D) -> scores float64 (N,)."""
        return np.asarray(embeddings.astype(np.float64) @ self.weight + self.bias)

    def scaled(self, slope: float, shift: float) -> "Linear":
        """slope * score + shift, as another linear score."""
        return Linear(self.weight * slope, self.bias * slope + shift)


def template(enrolled: FloatArray) -> Linear:
    """The cosine to the mean direction of L2-normalised embeddings (K, D); InputError where they cancel out."""
    mean = enrolled.astype(np.float64).mean(axis=0)
    length = float(np.linalg.norm(mean))
    if not length > 1e-6:
        raise InputError("the samples have nothing in common: are they all of one person?")
    return Linear(mean / length, 0.0)


def head_bytes(logit: Linear, hidden: int) -> bytes:
    """head.onnx whose probability is sigmoid(logit(x)), with `hidden` neurons (at least 2; the others stay 0)."""
    if hidden < 2:
        raise BundleError(f"a head with {hidden} hidden neuron cannot hold a signed score: export the bundle again")
    size = len(logit.weight)
    first, second = np.zeros((hidden, size), np.float32), np.zeros((1, hidden), np.float32)
    first[0], first[1] = logit.weight, -logit.weight
    second[0, :2] = 1.0, -1.0
    return head_onnx_bytes(first, np.zeros(hidden, np.float32), second, np.array([logit.bias], np.float32))


TARGETS = (1e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2)
FEWEST_PEOPLE = 8  # below this no rate can be stated
MOST_ENROLLED = 16  # images of a cohort's person that enroll; the others are the probes
OWN_IMPOSTORS = 1_000_000  # identities from here on were added by the user: family, housemates
STEPS = 100  # of Newton's method; it converges in about ten
RIDGE = 1e-5  # keeps the slope finite where genuine and impostor scores do not overlap
METHOD = (
    "the cohort's people with several photos enrolled in turn, each against the others: the FAR of the method over "
    "pairs of people; 95 % interval by bootstrap over identities"
)


@dataclass(frozen=True)
class Trials:
    """Comparison scores of a cohort whose people are enrolled in turn.

    genuine   float64 (G,) of probes of the enrolled person, `genuine_people` int (G,) their identity
    impostor  float64 (M,) of everybody else, `impostor_pairs` int (M, 2) the identities of enrolled and probe
    """

    genuine: Float64Array
    genuine_people: IntArray
    impostor: Float64Array
    impostor_pairs: IntArray


def cohort_trials(cohort: FloatArray, identities: IntArray, images: int, *, seed: int = 0) -> Trials:
    """Enroll each identity of the cohort (N, D) with `images` of its images, and score the images of all others.

    Where half of the people have no more than `images`, as many enroll as half of them can spare. Identities with a
    single image take no part, unless the user added them. Raises BundleError for a cohort of fewer than 8 people with
    two images or more.
    """
    people, counts = np.unique(identities, return_counts=True)
    several = people[counts > 1]
    if len(several) < FEWEST_PEOPLE:
        raise BundleError(
            f"the bundle's cohort has {len(several)} people with two images or more; enrollment needs at least "
            f"{FEWEST_PEOPLE}: export the bundle again with --faces that have identities"
        )
    count = _images_to_enroll(counts[counts > 1], images)
    taking_part = np.isin(identities, several) | (identities >= OWN_IMPOSTORS)
    x, ids = cohort[taking_part], identities[taking_part]
    rng = np.random.default_rng(seed)
    genuine, genuine_people, impostor, pairs = [], [], [], []
    for person in people[counts > count].tolist():
        rows, other = rng.permutation(np.flatnonzero(ids == person)), ids != person
        scores = template(x[rows[:count]]).score(x)
        genuine.append(scores[rows[count:]])
        genuine_people.append(np.full(len(rows) - count, person))
        impostor.append(scores[other])
        pairs.append(np.stack([np.full(int(other.sum()), person), ids[other]], axis=1))
    return Trials(*(np.concatenate(part) for part in (genuine, genuine_people, impostor, pairs)))


def _images_to_enroll(counts: IntArray, images: int) -> int:
    """At most `images`, and few enough that at least half of the people (their numbers of images) have one left."""
    half_have = int(np.sort(counts)[len(counts) // 2])
    return min(images, MOST_ENROLLED, half_have - 1)


def frr_at(trials: Trials, threshold: float) -> float:
    """The share of genuine probes that a threshold on cosines refuses."""
    return float(np.mean(trials.genuine < threshold))


@dataclass(frozen=True)
class Logistic:
    """probability = sigmoid(slope * score + shift)."""

    slope: float
    shift: float

    def logit(self, scores: Float64Array) -> Float64Array:
        """Scores (N,) -> logits (N,)."""
        return np.asarray(self.slope * scores + self.shift)

    def probability(self, scores: Float64Array) -> Float64Array:
        """Scores (N,) -> probabilities (N,)."""
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(self.logit(scores), -80, 80))))


def fit_logistic(genuine: Float64Array, impostor: Float64Array) -> Logistic:
    """Platt's calibration: the probability that a probe is genuine, where genuine and impostor are equally likely.

    J. Platt, "Probabilistic outputs for support vector machines", 1999, with both classes weighted one half, since the
    ratio of the two in a cohort is arbitrary.
    """
    x = np.concatenate([genuine, impostor])
    y = np.concatenate([np.ones(len(genuine)), np.zeros(len(impostor))])
    weight = np.where(y == 1, 0.5 / len(genuine), 0.5 / len(impostor))
    middle, unit = float(genuine.mean() + impostor.mean()) / 2, max(float(x.std()), 1e-6)
    design = np.stack([(x - middle) / unit, np.ones_like(x)], axis=1)  # standardised, so that Newton's steps are small
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
    errors = []
    for fit_on in (people[half], people[~half]):
        genuine, impostor = np.isin(trials.genuine_people, fit_on), np.isin(trials.impostor_pairs[:, 0], fit_on)
        if genuine.all() or not genuine.any():
            return float("nan")
        link = fit_logistic(trials.genuine[genuine], trials.impostor[impostor])
        errors.append(_balanced_error(link, trials.genuine[~genuine], trials.impostor[~impostor]))
    return float(np.mean(errors))


def _balanced_error(link: Logistic, genuine: Float64Array, impostor: Float64Array) -> float:
    """The calibration error where genuine and impostor are equally likely: impostors thinned evenly by rank."""
    thinned = np.sort(impostor)[np.linspace(0, len(impostor) - 1, len(genuine)).astype(np.int64)]
    p = link.probability(np.concatenate([genuine, thinned]))
    return expected_calibration_error(p, np.concatenate([np.ones(len(genuine)), np.zeros(len(thinned))]))


def as_score(link: Logistic, threshold: float) -> float:
    """A threshold on cosines as the head's probability, rounded to float32 as the head rounds: a tie stays a tie."""
    return float(np.float32(link.probability(np.array([threshold]))[0]))
