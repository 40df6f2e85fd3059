"""Five landmarks -> the similarity that brings a face to CelebA geometry, and its fixed-point form.

Points are (x, y) with (0, 0) at the corner of the first pixel, so a pixel's centre lies at one half.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facedge.errors import InputError
from facedge.types import Complex128Array, Float64Array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

ONE = 1 << 32  # a pixel in the fixed-point numbers of Sampling
MAX_SAMPLES = 31  # samples on a side of an output pixel: the most whose sum fits 32 bits
ENLARGED = 1 + 1 / 1024  # a step up to here needs one sample; the fit of a crop onto itself lies beside 1
LEAST_SPREAD = 1.0  # root mean square distance of landmarks from their mean, in pixels
MOST_SPREAD = 16384.0
LEAST_CORRELATION = 0.5  # 1: landmarks are the target's shape; 0: no rotation or scale brings them nearer

# Where landmarks come to lie in the crop. Not quite CelebA's own points (preprocessing.spec.LANDMARKS): the detector
# places eyes closer together and mouths narrower than CelebA's annotators, and so its faces would come out 3 % larger
# than the dataset's. These are its refined landmarks on 1,499 CelebA images, each placed at a random position, size
# and tilt; they bring the dataset's images back onto themselves (mean scale 1.00, mean shift below 0.1 pixel).
TARGET = np.array([(67.57, 111.91), (105.75, 111.95), (85.89, 134.46), (70.34, 151.83), (102.49, 151.88)])


@dataclass(frozen=True)
class Sampling:
    """Where the crop is read from the frame, in integers: the aligner's whole plan.

    An output pixel is the mean of samples x samples points. Point U, V (counted over the crop in steps of a point,
    from 0) lies in the frame, counted from the centre of its first pixel and in 1/2^32 pixel, at

        x = x0 + U dx - V dy
        y = y0 + U dy + V dx

    x0 and y0 hold half of 1/128 pixel in addition: positions are cut to 1/128, and so they round.
    """

    samples: int
    x0: int
    y0: int
    dx: int
    dy: int


def fit_similarity(source: "ArrayLike", target: "ArrayLike") -> tuple[complex, complex]:
    """(m, t) such that m z + t brings the points z = x + iy of `source` nearest to those of `target`.

    Least squares over rotation, scale and shift, never a reflection (Umeyama, "Least-squares estimation of
    transformation parameters between two point patterns", PAMI 1991); in the plane, complex numbers make it one
    division.
    """
    p, q = _complex(source), _complex(target)
    from_mean = p - p.mean()
    m = complex(np.vdot(from_mean, q - q.mean()) / np.vdot(from_mean, from_mean))
    return m, complex(q.mean() - m * p.mean())


def _complex(points: "ArrayLike") -> Complex128Array:
    array = np.asarray(points, np.float64)
    return np.asarray(array[:, 0] + 1j * array[:, 1], np.complex128)


def checked_landmarks(landmarks: "ArrayLike", height: int, width: int) -> Float64Array:
    """The landmarks as float64 (5, 2), or InputError where they are no face in a frame of that size."""
    try:
        points = np.array(landmarks, np.float64)
    except (TypeError, ValueError) as problem:
        raise InputError(f"expected landmarks as 5 pairs of numbers (5, 2), got {landmarks!r:.80}") from problem
    if points.shape != (5, 2):
        raise InputError(f"expected landmarks of shape (5, 2): eyes, nose, mouth corners; got shape {points.shape}")
    if not np.isfinite(points).all():
        raise InputError(f"expected finite landmarks, got {points.tolist()}: detect the face again")
    middle = points.mean(axis=0)
    spread = math.sqrt(((points - middle) ** 2).sum(axis=1).mean())
    if not LEAST_SPREAD <= spread <= MOST_SPREAD:
        raise InputError(f"expected landmarks spread over a face, but they lie {spread:.3g} pixels from their middle")
    if not (0 <= middle[0] <= width and 0 <= middle[1] <= height):
        raise InputError(
            f"expected a face inside the {width}x{height} frame, but its middle is ({middle[0]:.1f}, {middle[1]:.1f})"
        )
    if _shape_correlation(points) < LEAST_CORRELATION:
        raise InputError(
            "expected landmarks in CelebA's order (eye on the image's left, other eye, nose, mouth left, right), "
            f"but {points.round(1).tolist()} are no face in that order"
        )
    return points


def _shape_correlation(points: Float64Array) -> float:
    """How well a similarity explains the landmarks: the correlation of both centred shapes, 0 to 1."""
    p, q = _complex(points), _complex(TARGET)
    p, q = p - p.mean(), q - q.mean()
    return float(abs(np.vdot(p, q)) / math.sqrt(np.vdot(p, p).real * np.vdot(q, q).real))


def sampling_for(m: complex, t: complex) -> Sampling:
    """The plan of the similarity m z + t from frame to crop: found in double, then rounded to fixed point.

    It is inverted (crop -> frame); its step, in frame pixels per crop pixel, gives the number of samples of an output
    pixel.
    """
    step = 1 / m
    samples = sample_count(abs(step))
    point = step / samples
    # The first point is half a point inside the crop's corner; positions count from a pixel's centre.
    first = -t * step + point * complex(0.5, 0.5) - complex(0.5, 0.5)
    half = ONE // 256
    return Sampling(
        samples, _fixed(first.real) + half, _fixed(first.imag) + half, _fixed(point.real), _fixed(point.imag)
    )


def sample_count(step: float) -> int:
    """Samples on a side of an output pixel that is `step` frame pixels long.

    A grid of n samples repeats the pixel's pass band, 1/step wide, around n/step cycles per pixel. With
    n >= 1 + step/2 the repetition begins past 1/2, the finest detail that a frame holds: nothing aliases.
    """
    return 1 if step <= ENLARGED else min(math.ceil(1 + step / 2), MAX_SAMPLES)


def _fixed(value: float) -> int:
    """The nearest multiple of 1/2^32, as its integer; halves to even."""
    return round(value * ONE)
