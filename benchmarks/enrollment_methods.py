"""The ways to turn a few embeddings of a person into a score, side by side. Used by benchmarks/enrollment.py.

Each method is fit(enrolled (K, D), cohort (N, D), identities (N,)) -> score(embeddings (M, D)) -> float64 (M,).
What facedge ships is the mean cosine, raised under conditions; the others are what it was chosen among.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from facedge.bundle.calibration_table import CalibrationTable
from facedge.enrollment.calibration import Linear, template
from facedge.enrollment.conditions import raise_thresholds, shown_conditions
from facedge.enrollment.operating_points import look_up

Floats = NDArray[np.float64]
Score = Callable[[NDArray[np.floating]], Floats]
Fit = Callable[[NDArray[np.floating], NDArray[np.floating], NDArray[np.integer]], Score]


NORMALISERS = 300  # people whose templates normalise a probe's score
SHRINKAGE = 0.2  # of the covariance within a person towards a sphere


def against(weight: Floats, impostors: NDArray[np.floating]) -> Linear:
    """Zero normalisation (K. P. Li and J. E. Porter, ICASSP 1988): the score along weight, 0 +- 1 on impostors."""
    raw = impostors.astype(np.float64) @ weight
    deviation = float(raw.std()) or 1.0
    return Linear(weight / deviation, -float(raw.mean()) / deviation)


def centre(embeddings: NDArray[np.floating], identities: NDArray[np.integer]) -> Floats:
    """The mean of the identities' means, float64 (D,)."""
    return np.stack([embeddings[identities == who].astype(np.float64).mean(0) for who in np.unique(identities)]).mean(0)


def whitener(embeddings: NDArray[np.floating], identities: NDArray[np.integer]) -> Floats:
    """The inverse of the shrunk covariance within a person, float64 (D, D)."""
    x = embeddings.astype(np.float64)
    for who in np.unique(identities):
        x[identities == who] -= x[identities == who].mean(axis=0)
    covariance = x.T @ x / max(len(x) - len(np.unique(identities)), 1)
    sphere = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    return np.linalg.inv((1 - SHRINKAGE) * covariance + SHRINKAGE * sphere)


def mean_cosine(enrolled: NDArray[np.floating], _cohort: object, _identities: object) -> Score:
    """Cosine to the mean of the enrolled, the same threshold for everybody."""
    return template(enrolled).score


def raised_cosine(table: CalibrationTable, far: float) -> Fit:
    """The same, less what the conditions that the photos show raise the threshold by: what enrollment does."""

    def fitted(enrolled: NDArray[np.floating], _cohort: object, _identities: object) -> Score:
        score = template(enrolled)
        asked = look_up(table, len(enrolled), far)
        if asked is None:
            return score.score
        raised, _ = raise_thresholds(asked, shown_conditions(table, enrolled, score))
        return Linear(score.weight, asked.chosen.cosine - raised.chosen.cosine).score

    return fitted


def normalised_cosine(
    enrolled: NDArray[np.floating], cohort: NDArray[np.floating], _identities: NDArray[np.integer]
) -> Score:
    """The same, shifted and scaled per person so that the cohort scores 0 +- 1."""
    return against(enrolled.mean(axis=0).astype(np.float64), cohort).score


def centred_cosine(
    enrolled: NDArray[np.floating], cohort: NDArray[np.floating], _identities: NDArray[np.integer]
) -> Score:
    """The same, less the mean score of the cohort: a template that is alike to everybody needs a higher cosine."""
    raw = template(enrolled)
    return Linear(raw.weight, -float(raw.score(cohort).mean())).score


def test_normalised_cosine(
    enrolled: NDArray[np.floating], cohort: NDArray[np.floating], identities: NDArray[np.integer]
) -> Score:
    """Test normalisation (R. Auckenthaler et al., 2000): the probe's scores with the cohort's templates become 0 +- 1.

    Needs the cohort at each verification, so no head holds it.
    """
    score, others = template(enrolled).score, _templates(cohort, identities)

    def normalised(x: NDArray[np.floating]) -> Floats:
        raw = x.astype(np.float64) @ others
        return np.asarray((score(x) - raw.mean(axis=1)) / raw.std(axis=1))

    return normalised


def symmetric_cosine(
    enrolled: NDArray[np.floating], cohort: NDArray[np.floating], identities: NDArray[np.integer]
) -> Score:
    """Symmetric normalisation (P. Kenny, Odyssey 2010): the mean of zero and of test normalisation."""
    zero, test = against(template(enrolled).weight, cohort).score, test_normalised_cosine(enrolled, cohort, identities)
    return lambda x: (zero(x) + test(x)) / 2


def _templates(cohort: NDArray[np.floating], identities: NDArray[np.integer]) -> Floats:
    """The templates of NORMALISERS identities, drawn, float64 (D, P)."""
    chosen = np.isin(identities, np.random.default_rng(0).permutation(np.unique(identities))[:NORMALISERS])
    known, codes = np.unique(identities[chosen], return_inverse=True)
    sums = np.zeros((len(known), cohort.shape[1]))
    np.add.at(sums, codes, cohort[chosen].astype(np.float64))
    return np.asarray((sums / np.linalg.norm(sums, axis=1, keepdims=True)).T)


def whitened_cosine(
    enrolled: NDArray[np.floating], cohort: NDArray[np.floating], identities: NDArray[np.integer]
) -> Score:
    """Cosine after centring and whitening by the within-person covariance; normalised. Not linear: no head holds it."""
    root = np.linalg.cholesky(whitener(cohort, identities))
    middle = centre(cohort, identities)

    def project(x: NDArray[np.floating]) -> Floats:
        white = (x.astype(np.float64) - middle) @ root
        return np.asarray(white / np.linalg.norm(white, axis=1, keepdims=True))

    template = project(enrolled).mean(axis=0)
    base = project(cohort) @ template
    return lambda x: np.asarray((project(x) @ template - base.mean()) / base.std())


def discriminant(
    enrolled: NDArray[np.floating], cohort: NDArray[np.floating], identities: NDArray[np.integer]
) -> Score:
    """Fisher's linear discriminant: whitened inner product with the centred mean; normalised."""
    weight = whitener(cohort, identities) @ (enrolled.astype(np.float64).mean(axis=0) - centre(cohort, identities))
    return against(weight, cohort).score


def logistic(enrolled: NDArray[np.floating], cohort: NDArray[np.floating], _identities: NDArray[np.integer]) -> Score:
    """L2-regularised logistic regression of the enrolled against the cohort, both sides weighing one half; normalised.

    Newton's method on weight and bias; the strength was the best of 0.001, 0.003, 0.01 and 0.03 on the cohort.
    """
    x = np.concatenate([enrolled, cohort]).astype(np.float64)
    design = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    y = np.concatenate([np.ones(len(enrolled)), np.zeros(len(cohort))])
    weight = np.where(y == 1, 0.5 / len(enrolled), 0.5 / len(cohort))
    ridge = 0.003 * np.eye(design.shape[1])
    ridge[-1, -1] = 1e-9
    theta = np.zeros(design.shape[1])
    for _ in range(12):
        p = 1 / (1 + np.exp(-np.clip(design @ theta, -60, 60)))
        curvature = (design * (weight * p * (1 - p))[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature, design.T @ (weight * (p - y)) + ridge @ theta)
        theta -= step
        if np.abs(step).max() < 1e-6:
            break
    return against(theta[:-1], cohort).score


def trained_head(
    enrolled: NDArray[np.floating], cohort: NDArray[np.floating], _identities: NDArray[np.integer]
) -> Score:
    """Dense 40, ReLU, Dropout 0.4, one sigmoid, trained by Adam on the frozen embeddings; normalised.

    400 steps of 32 enrolled (with a little noise, for there are no pixels left to augment) and 96 of the cohort.
    """
    rng = np.random.default_rng(0)
    size = enrolled.shape[1]
    p = [rng.normal(0, np.sqrt(2 / size), (size, 40)), np.zeros(40), rng.normal(0, 0.2, 40), np.zeros(1)]
    m, v = [np.zeros_like(a) for a in p], [np.zeros_like(a) for a in p]
    for step in range(1, 401):
        own = enrolled[rng.integers(0, len(enrolled), 32)] + rng.normal(0, 0.03, (32, size))
        x = np.concatenate([own, cohort[rng.integers(0, len(cohort), 96)]])
        y = np.repeat([1.0, 0.0], [32, 96])
        hidden = x @ p[0] + p[1]
        kept = (hidden > 0) * (rng.random(hidden.shape) < 0.6) / 0.6
        active = hidden * kept
        error = (1 / (1 + np.exp(-np.clip(active @ p[2] + p[3], -60, 60))) - y) * np.where(y == 1, 1 / 64, 1 / 192)
        back = np.outer(error, p[2]) * kept
        for k, g in enumerate((x.T @ back, back.sum(0), active.T @ error, error.sum(keepdims=True))):
            m[k] = 0.9 * m[k] + 0.1 * g
            v[k] = 0.999 * v[k] + 0.001 * g * g
            p[k] = p[k] - 0.003 * (m[k] / (1 - 0.9**step)) / (np.sqrt(v[k] / (1 - 0.999**step)) + 1e-8)

    def logit(x: NDArray[np.floating]) -> Floats:
        return np.asarray(np.maximum(x @ p[0] + p[1], 0) @ p[2] + p[3])

    base = logit(cohort)
    return lambda x: (logit(x) - base.mean()) / base.std()


METHODS: dict[str, Fit] = {
    "mean cosine": mean_cosine,
    "mean cosine, normalised": normalised_cosine,
    "centred cosine": centred_cosine,
    "t-norm": test_normalised_cosine,
    "s-norm": symmetric_cosine,
    "whitened cosine": whitened_cosine,
    "discriminant": discriminant,
    "logistic": logistic,
    "trained head": trained_head,
}
