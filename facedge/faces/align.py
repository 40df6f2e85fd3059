"""Alignment: five landmarks -> a similarity -> the 178x218 crop in CelebA geometry, the same bits on every machine.

The similarity is found in double precision, in one order of operations so that ext/landmarks.c finds the same bits, and
rounded to fixed point (`Sampling`); from there on everything is an integer. Points are (x, y) with (0, 0) at the corner
of the first pixel, so a pixel's centre lies at one half.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facedge.errors import InputError
from facedge.preprocessing import kernel
from facedge.preprocessing.spec import FRAME_HEIGHT, FRAME_WIDTH
from facedge.types import Float64Array, Int32Array, Int64Array, UInt8Array

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
    division. Not a number where all points of `source` are one.
    """
    s = _shape(source, target)
    if not s.own > 0:
        return complex(math.nan, math.nan), complex(math.nan, math.nan)
    m, (x, y) = complex(s.real / s.own, s.imag / s.own), s.mean
    return m, complex(s.target_mean[0] - (m.real * x - m.imag * y), s.target_mean[1] - (m.real * y + m.imag * x))


@dataclass(frozen=True)
class _Shape:
    """Two point patterns about their means: sums of the products of their points as complex numbers."""

    mean: tuple[float, float]
    target_mean: tuple[float, float]
    own: float
    target: float
    real: float
    imag: float


def _shape(source: "ArrayLike", target: "ArrayLike") -> _Shape:
    """Number by number: of five points that is faster than arrays, and every machine adds in the same order."""
    points: list[list[float]] = np.asarray(source, np.float64).tolist()
    goals: list[list[float]] = np.asarray(target, np.float64).tolist()
    mean, target_mean = _mean(points), _mean(goals)
    own = other = real = imag = 0.0
    for point, goal in zip(points, goals, strict=True):
        x, y, u, v = point[0] - mean[0], point[1] - mean[1], goal[0] - target_mean[0], goal[1] - target_mean[1]
        own += x * x + y * y
        other += u * u + v * v
        real += x * u + y * v
        imag += x * v - y * u
    return _Shape(mean, target_mean, own, other, real, imag)


def _mean(points: list[list[float]]) -> tuple[float, float]:
    x = y = 0.0
    for point in points:
        x += point[0]
        y += point[1]
    return x / len(points), y / len(points)


def checked_landmarks(landmarks: "ArrayLike", height: int, width: int) -> Float64Array:
    """The landmarks as float64 (5, 2), or InputError where they are no face in a frame of that size."""
    try:
        points = np.array(landmarks, np.float64)
    except (TypeError, ValueError) as problem:
        raise InputError(f"expected landmarks as 5 pairs of numbers (5, 2), got {landmarks!r:.80}") from problem
    if points.shape != (5, 2):
        raise InputError(f"expected landmarks of shape (5, 2): eyes, nose, mouth corners; got shape {points.shape}")
    if kernel.compiled_code() is not None and kernel.compiled.landmarks_usable(points, height, width):
        return points
    if not np.isfinite(points).all():
        raise InputError(f"expected finite landmarks, got {points.tolist()}: detect the face again")
    shape = _shape(points, TARGET)
    middle, spread = shape.mean, math.sqrt(shape.own / len(points))
    if not LEAST_SPREAD <= spread <= MOST_SPREAD:
        raise InputError(f"expected landmarks spread over a face, but they lie {spread:.3g} pixels from their middle")
    if not (0 <= middle[0] <= width and 0 <= middle[1] <= height):
        raise InputError(
            f"expected a face inside the {width}x{height} frame, but its middle is ({middle[0]:.1f}, {middle[1]:.1f})"
        )
    if math.sqrt(shape.real**2 + shape.imag**2) / math.sqrt(shape.own * shape.target) < LEAST_CORRELATION:
        raise InputError(
            "expected landmarks in CelebA's order (eye on the image's left, other eye, nose, mouth left, right), "
            f"but {points.round(1).tolist()} are no face in that order"
        )
    return points


def sampling_for(m: complex, t: complex) -> Sampling:
    """The plan of the similarity m z + t from frame to crop: found in double, then rounded to fixed point.

    It is inverted (crop -> frame); its step, in frame pixels per crop pixel, gives the number of samples of an output
    pixel.
    """
    square = m.real * m.real + m.imag * m.imag
    step_x, step_y = m.real / square, -m.imag / square  # 1 / m
    samples = sample_count(math.sqrt(step_x * step_x + step_y * step_y))
    x, y = step_x / samples, step_y / samples
    # The first point is half a point inside the crop's corner; positions count from a pixel's centre.
    first_x = t.imag * step_y - t.real * step_x + (x - y) / 2 - 0.5
    first_y = -(t.real * step_y + t.imag * step_x) + (x + y) / 2 - 0.5
    half = ONE // 256
    return Sampling(samples, _fixed(first_x) + half, _fixed(first_y) + half, _fixed(x), _fixed(y))


def sample_count(step: float) -> int:
    """Samples on a side of an output pixel that is `step` frame pixels long.

    A grid of n samples repeats the pixel's pass band, 1/step wide, around n/step cycles per pixel. With
    n >= 1 + step/2 the repetition begins past 1/2, the finest detail that a frame holds: nothing aliases.
    """
    return 1 if step <= ENLARGED else min(math.ceil(1 + step / 2), MAX_SAMPLES)


def _fixed(value: float) -> int:
    """The nearest multiple of 1/2^32, as its integer; halves to even."""
    return round(value * ONE)


POSITION_BITS = 32  # of a position's fraction ...
WEIGHT_BITS = 7  # ... and how many of them make the weights


def align(rgb: UInt8Array, landmarks: "ArrayLike", *, out: UInt8Array | None = None) -> UInt8Array:
    """The face with these landmarks as a crop in CelebA geometry: uint8 (218, 178, 3).

    Args:
        rgb: uint8 (H, W, 3) RGB or (H, W) grey, any strides, never copied.
        landmarks: (5, 2), x and y in pixels from the photo's corner, in the order of Face.landmarks.
        out: where to write, C-contiguous uint8 (218, 178, 3); returned. None allocates.

    A similarity (rotation, scale, shift) fitted by least squares; pixels outside the photo repeat its border; where
    the face is larger than the crop the frame is averaged, so that nothing aliases (see `align_reference`).

    Raises:
        InputError: for another array, and for landmarks that are not finite, collapsed, outside or no face
    """
    frame = as_frame(rgb)
    points = checked_landmarks(landmarks, *frame.shape[:2])
    shape = (FRAME_HEIGHT, FRAME_WIDTH, 3)
    if out is None:
        out = np.empty(shape, np.uint8)
    elif out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous or not out.flags.writeable:
        raise InputError(f"expected out as a writeable contiguous uint8 array {shape}, got {out.dtype} {out.shape}")
    code = kernel.compiled_code()
    if code is None:
        return sample(frame, sampling_for(*fit_similarity(points, TARGET)), out)
    kernel.compiled.align_face(frame, points, out, code)
    return out


def as_frame(rgb: UInt8Array) -> UInt8Array:
    """uint8 (H, W, 3), a view; grey becomes three equal channels. InputError for anything else."""
    if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8:
        got = rgb.dtype if isinstance(rgb, np.ndarray) else type(rgb).__name__
        raise InputError(f"expected a photo as a uint8 array, got {got}: facedge.imaging.load_rgb reads files")
    frame = np.broadcast_to(rgb[:, :, None], (*rgb.shape, 3)) if rgb.ndim == 2 else rgb
    if frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise InputError(f"expected a photo of shape (H, W, 3) or (H, W), got {rgb.shape}")
    return frame


def sample(frame: UInt8Array, sampling: Sampling, out: UInt8Array) -> UInt8Array:
    """Fill `out` (h, w, 3) with the crop that `sampling` reads from the frame (H, W, 3), and return it."""
    s, code = sampling, kernel.compiled_code()
    if code is None:
        out[...] = align_reference(frame, sampling, *out.shape[:2])
        return out
    kernel.compiled.align(frame, out, s.samples, s.x0, s.y0, s.dx, s.dy, code)
    return out


def align_reference(frame: UInt8Array, sampling: Sampling, out_height: int, out_width: int) -> UInt8Array:
    """(H, W, 3) uint8 -> the crop (out_height, out_width, 3) uint8 that `sampling` describes, in numpy.

    Each output pixel is the mean of samples x samples points of the frame, each read by linear interpolation:

    - the point's position (see Sampling) is clamped to the centres of the frame's first and last pixels, so borders
      replicate, and then cut to 1/128 pixel: x = xi + fx/128, y = yi + fy/128;
    - its value is the sum of its four neighbours' bytes with the weights (128 - fx or fx) * (128 - fy or fy);
    - the sum S over all points becomes floor((S + n/2 * 2^14) / (n * 2^14)), n = samples^2: halves go up.

    The C kernel gives these bits on every implementation.
    """
    count = sampling.samples
    u = count * np.arange(out_width, dtype=np.int64)
    v = count * np.arange(out_height, dtype=np.int64)[:, None]
    total = np.full((out_height, out_width, 3), count * count << (2 * WEIGHT_BITS - 1), np.int64)
    for i in range(count):
        for j in range(count):
            x = sampling.x0 + (u + j) * sampling.dx - (v + i) * sampling.dy
            y = sampling.y0 + (u + j) * sampling.dy + (v + i) * sampling.dx
            total += _points(frame, x, y)
    return ((total >> 2 * WEIGHT_BITS) // (count * count)).astype(np.uint8)


def _points(frame: UInt8Array, x: Int64Array, y: Int64Array) -> Int32Array:
    """2^14 times the frame's values at the positions x, y, both (h, w): int32 (h, w, 3)."""
    left, right, fx = _axis(x, frame.shape[1])
    top, bottom, fy = _axis(y, frame.shape[0])
    one = np.int32(1 << WEIGHT_BITS)
    upper = (one - fx) * frame[top, left] + fx * frame[top, right]
    lower = (one - fx) * frame[bottom, left] + fx * frame[bottom, right]
    return np.asarray((one - fy) * upper + fy * lower, np.int32)


def _axis(position: Int64Array, pixels: int) -> tuple[Int64Array, Int64Array, Int32Array]:
    """Both neighbours of each position on an axis, and the second one's weight of 128, with an axis for channels."""
    clamped = position.clip(0, (pixels - 1) << POSITION_BITS)
    first = clamped >> POSITION_BITS
    weight = (clamped >> (POSITION_BITS - WEIGHT_BITS)) & ((1 << WEIGHT_BITS) - 1)
    return first, np.minimum(first + 1, pixels - 1), weight[:, :, None].astype(np.int32)
