"""How one aligned face moved to become another: a model of motion fitted to the grey levels of two crops.

The movement of each pixel, in eye distances, is a weighted sum of given functions of its place in the face, some of
them sideways and some upright. The weights are found by damped Gauss-Newton steps (B. D. Lucas and T. Kanade, IJCAI
1981; with a model of the motion: J. R. Bergen et al., "Hierarchical model-based motion estimation", ECCV 1992). A
steady difference of light does not matter: grey levels are compared with those around them.
"""

from dataclasses import dataclass

import numpy as np

from facedge.faces.align import TARGET
from facedge.faces.quality import HALF
from facedge.preprocessing import resize_grey
from facedge.types import BoolArray, Float64Array, UInt8Array

EYES = (TARGET[0] + TARGET[1]) / 4  # (x, y) of their middle in the crop at half scale
UNIT = float(TARGET[1, 0] - TARGET[0, 0]) / 2  # pixels between them
ROWS, COLUMNS = np.mgrid[0 : HALF[0], 0 : HALF[1]].astype(np.float64)
ACROSS, ALONG = (COLUMNS - EYES[0]) / UNIT, (ROWS - EYES[1]) / UNIT  # of each pixel, in eye distances from EYES
FACE: BoolArray = (ACROSS / 1.05) ** 2 + ((ALONG - 0.45) / 1.15) ** 2 < 1  # from the forehead to the chin

RADIUS = 9  # pixels around each one, by whose mean and deviation the light is made even
FLAT = 4.0  # grey levels: a lower deviation is mostly noise
STEPS, DONE = 8, 2e-3  # of Gauss-Newton, and the change of every weight below which it has converged
OUTLIER = 0.6  # in units of even light: pixels that differ by more (hidden, in another light) count for less


@dataclass(frozen=True, eq=False)
class MotionModel:
    """Functions of the place in a face, each of the crop's half scale (109, 89).

    sideways, upright  float64 (S, 109, 89) and (U, 109, 89), in eye distances for a weight of 1
    damping            float64 (S + U,): how strongly each weight is kept near 0 where the texture does not show it
    """

    sideways: Float64Array
    upright: Float64Array
    damping: Float64Array


@dataclass(frozen=True, eq=False)
class Motion:
    """A fitted motion: its weights float64 (S + U,), and the correlation of both faces after it, 1 for the same."""

    weights: Float64Array
    likeness: float


def even_light(crop: UInt8Array) -> Float64Array:
    """An aligned crop uint8 (H, W, 3) or (H, W) at half scale, float64 (109, 89): grey levels less the local mean.

    Over their local deviation, so that most lie between -2 and 2.
    """
    grey = mean_around(resize_grey(crop, HALF)[0].astype(np.float64), 1)
    differences = grey - mean_around(grey, RADIUS)
    return np.asarray(differences / (np.sqrt(mean_around(differences**2, RADIUS)) + FLAT))


def fit_motion(
    model: MotionModel, before: Float64Array, after: Float64Array, first: Float64Array | None = None
) -> Motion:
    """The motion from one face to another, both by `even_light`, found from the weights `first`, or from rest."""
    weights = np.zeros(len(model.damping)) if first is None else first
    down, right = _gradient(before)
    moved = _moved(model, after, weights)
    for _ in range(STEPS):
        moved_down, moved_right = _gradient(moved)
        left = (before - moved)[FACE]
        sideways = (moved_right + right)[FACE] / 2 * model.sideways[:, FACE]
        jacobian = UNIT * np.concatenate([sideways, (moved_down + down)[FACE] / 2 * model.upright[:, FACE]])
        weighted = jacobian / (1 + (left / OUTLIER) ** 2)
        normal = weighted @ jacobian.T + np.diag(model.damping)
        step = np.linalg.solve(normal, weighted @ left - model.damping * weights)
        weights = weights + step
        moved = _moved(model, after, weights)
        if np.abs(step).max() < DONE:
            break
    return Motion(weights, correlation(before, moved))


def correlation(one: Float64Array, other: Float64Array) -> float:
    """Of the values of two faces (109, 89), in -1..1; 0 where one of them has no texture."""
    x, y = one[FACE] - one[FACE].mean(), other[FACE] - other[FACE].mean()
    return float(x @ y / max(float(np.sqrt((x @ x) * (y @ y))), 1e-9))


def hats(values: Float64Array, knots: tuple[float, ...]) -> Float64Array:
    """Piecewise linear functions of values (109, 89), each 1 at one of K knots and 0 at the others: (K, 109, 89)."""
    return np.stack([np.interp(values, knots, row) for row in np.eye(len(knots))])


def _gradient(image: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Change for each pixel downwards and to the right."""
    return np.asarray(np.gradient(image, axis=0)), np.asarray(np.gradient(image, axis=1))


def _moved(model: MotionModel, image: Float64Array, weights: Float64Array) -> Float64Array:
    """What each pixel shows after the motion: bilinear samples; beyond the border it repeats."""
    count = len(model.sideways)
    x = COLUMNS + UNIT * np.tensordot(weights[:count], model.sideways, 1)
    y = ROWS + UNIT * np.tensordot(weights[count:], model.upright, 1)
    x, y = np.clip(x, 0, image.shape[1] - 1.001), np.clip(y, 0, image.shape[0] - 1.001)
    j, i = x.astype(np.int64), y.astype(np.int64)
    part = x - j
    above = image[i, j] * (1 - part) + image[i, j + 1] * part
    below = image[i + 1, j] * (1 - part) + image[i + 1, j + 1] * part
    return np.asarray(above + (y - i) * (below - above))


def mean_around(image: Float64Array, radius: int) -> Float64Array:
    """The mean over a square of 2 radius + 1 pixels; beyond the border it repeats."""
    size = 2 * radius + 1
    for axis in (0, 1):
        pads = [(0, 0), (0, 0)]
        pads[axis] = (radius + 1, radius)
        sums, length = np.cumsum(np.pad(image, pads, mode="edge"), axis=axis), image.shape[axis]
        image = (sums.take(range(size, size + length), axis) - sums.take(range(length), axis)) / size
    return image
