"""Faces in photos of any size: boxes, five landmarks, scores; and which of several faces is meant.

faces = detect(photo)                                   # largest first
face = choose(faces, "only", photo.shape)               # None if there is not exactly one
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedge.errors import InputError
from facedge.faces.align import as_frame
from facedge.faces.boxes import padded_side
from facedge.faces.options import MIN_FACE, MIN_SCORE, POLICIES
from facedge.faces.yunet import Detector, default_detector
from facedge.types import Float32Array, FloatArray, UInt8Array

SMALLEST_FACE = 24  # width in input pixels from which the network finds nearly every face (benchmarks/detection.py)


@dataclass(frozen=True, eq=False)
class Face:
    """One face in a photo, in pixels of the photo with (0, 0) at the corner of the first pixel.

    Attributes:
        box: (x0, y0, x1, y1); parts of it may lie outside the photo.
        landmarks: float32 (5, 2), x and y of the eye on the image's left, the other eye, the tip of the nose, and the
            mouth corners on the image's left and right: CelebA's order.
        score: the detector's confidence, from 0 to 1.
    """

    box: tuple[float, float, float, float]
    landmarks: Float32Array
    score: float

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        x0, y0, x1, y1 = self.box
        return max(0.0, x1 - x0) * max(0.0, y1 - y0)

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the box as (x, y)."""
        x0, y0, x1, y1 = self.box
        return (x0 + x1) / 2, (y0 + y1) / 2

    def turned_back(self, degrees: int, shape: Sequence[int]) -> "Face":
        """The face in pixels of the photo unturned, where it was found in the photo turned clockwise.

        Args:
            degrees: by which the photo was turned: 0, 90, 180 or 270
            shape: (H, W, ...) of the photo unturned
        """
        if degrees == 0:
            return self
        corners = turn_back(np.array(self.box).reshape(2, 2), degrees, shape)
        low, high = corners.min(axis=0), corners.max(axis=0)
        box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        return Face(box, turn_back(self.landmarks, degrees, shape).astype(np.float32), self.score)


def turn_back(points: FloatArray, degrees: int, shape: Sequence[int]) -> FloatArray:
    """Points of a photo turned clockwise, in the pixels of the photo unturned.

    Args:
        points: (n, 2), x and y in pixels of the turned photo
        degrees: by which it was turned: 0, 90, 180 or 270
        shape: (H, W, ...) of the photo unturned
    """
    x, y = points[:, 0], points[:, 1]
    height, width = shape[:2]
    unturned = {0: (x, y), 90: (y, height - x), 180: (width - x, height - y), 270: (width - y, x)}
    return np.stack(unturned[degrees], axis=1)


def detect(
    rgb: UInt8Array | str | os.PathLike[str],
    *,
    min_score: float = MIN_SCORE,
    min_face: float = MIN_FACE,
    detector: Detector | None = None,
) -> list[Face]:
    """Every face in a photo, largest first; the higher score first where areas are equal.

    Args:
        rgb: uint8 (H, W, 3) RGB or (H, W) grey, any strides; or the path of an image file, whose EXIF turn is applied.
        min_score: keep faces that score at least this, 0 to 1.
        min_face: width of the smallest face to find; below 1 a fraction of the photo's longer side, otherwise pixels.
            The smaller, the larger the network's input and the longer it takes; smaller faces may be found too.
        detector: a Detector to use instead of the process's own.

    Raises:
        InputError: for another array or range
        MissingDependencyError: where the model file is not installed
    """
    if isinstance(rgb, str | os.PathLike):
        from facedge.imaging import load_rgb  # late: arrays need no Pillow

        rgb = load_rgb(Path(rgb))
    photo = as_frame(rgb)
    if not 0 <= min_score <= 1:
        raise InputError(f"expected min_score from 0 to 1, got {min_score}")
    side = input_side(max(photo.shape[:2]), min_face)
    found = (detector or default_detector()).find(photo, side, min_score)
    faces = [
        Face((float(box[0]), float(box[1]), float(box[2]), float(box[3])), points, float(score))
        for box, points, score in zip(found.boxes, found.landmarks, found.scores, strict=True)
    ]
    return largest_first(faces)


def input_side(longer_side: int, min_face: float) -> int:
    """Pixels of the network's input for a photo whose longer side is given: a face of `min_face` is 24 pixels wide."""
    if not (math.isfinite(min_face) and min_face > 0):
        raise InputError(f"expected min_face as a fraction of the longer side or in pixels, got {min_face}")
    fraction = min_face if min_face < 1 else min(1.0, min_face / longer_side)
    return padded_side(math.ceil(SMALLEST_FACE / fraction))


def largest_first(faces: Sequence[Face]) -> list[Face]:
    """The faces by falling area; the higher score first where areas are equal."""
    return sorted(faces, key=lambda face: (face.area, face.score), reverse=True)


def choose(faces: Sequence[Face], policy: str = "largest", shape: Sequence[int] | None = None) -> Face | None:
    """The one face that is meant, or None where the policy finds none.

    Args:
        policy: `largest` takes the face with the largest box, `center` the one whose box lies nearest to the middle of
            the photo, and `only` accepts a photo with exactly one face
        shape: the photo's (H, W, ...)

    Raises:
        InputError: for another policy, and for `center` without a shape
    """
    if policy not in POLICIES:
        raise InputError(f"expected a faces policy of {', '.join(POLICIES)}, got {policy!r}")
    if policy == "center" and shape is None:
        raise InputError("the policy 'center' needs the photo's shape (H, W, ...), got None: pass shape=photo.shape")
    if not faces or (policy == "only" and len(faces) > 1):
        return None
    if policy == "center" and shape is not None:
        middle = np.array([shape[1], shape[0]]) / 2
        return min(faces, key=lambda face: float(np.hypot(*(middle - face.centre))))
    return largest_first(faces)[0]
