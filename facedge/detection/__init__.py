"""Faces in photos of any size: boxes, five landmarks, scores. YuNet on onnxruntime; no OpenCV.

faces = detect(photo)                                   # largest first
face = choose(faces, "only", photo.shape)               # None if there is not exactly one
"""

import math
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facedge.detection.detector import Detector, default_detector
from facedge.detection.faces import POLICIES, Face, Policy, choose, largest_first
from facedge.detection.model import MAX_SIDE, MIN_SIDE, STRIDE
from facedge.errors import InputError

__all__ = [
    "MIN_FACE",
    "MIN_SCORE",
    "POLICIES",
    "Detector",
    "Face",
    "Policy",
    "choose",
    "default_detector",
    "detect",
    "input_side",
]

MIN_SCORE = 0.6
MIN_FACE = 0.075  # of the photo's longer side: an input of 320 pixels
SMALLEST_SEEN = 24  # width in input pixels from which the network finds nearly every face (benchmarks/detection.py)


def detect(
    rgb: NDArray[np.uint8] | str | os.PathLike[str],
    *,
    min_score: float = MIN_SCORE,
    min_face: float = MIN_FACE,
    detector: Detector | None = None,
) -> list[Face]:
    """Every face in a photo, largest first.

    rgb: uint8 (H, W, 3) RGB or (H, W) grey, any strides; or the path of an image file, whose EXIF turn is applied.
    min_score: keep faces that score at least this, 0 to 1.
    min_face: width of the smallest face to look for; below 1 a fraction of the photo's longer side, otherwise pixels.
        The smaller, the larger the network's input and the longer it takes; smaller faces may be found too.
    detector: a Detector to use instead of the process's own.
    Raises InputError for another array or range, MissingDependencyError where the model file is not installed.
    """
    photo = as_photo(rgb)
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
    """Pixels of the network's input for a photo whose longer side is given: a face of `min_face` shows in 24 pixels."""
    if not (math.isfinite(min_face) and min_face > 0):
        raise InputError(f"expected min_face as a fraction of the longer side or in pixels, got {min_face}")
    fraction = min_face if min_face < 1 else min(1.0, min_face / longer_side)
    side = math.ceil(SMALLEST_SEEN / fraction / STRIDE) * STRIDE
    return min(max(side, MIN_SIDE), MAX_SIDE)


def as_photo(rgb: NDArray[np.uint8] | str | os.PathLike[str]) -> NDArray[np.uint8]:
    """The photo as uint8 (H, W, 3), read from its file if it is a path; grey becomes three equal channels."""
    if isinstance(rgb, str | os.PathLike):
        from facedge.imaging import load_rgb

        return load_rgb(Path(rgb))
    if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8:
        got = rgb.dtype if isinstance(rgb, np.ndarray) else type(rgb).__name__
        raise InputError(
            f"expected a photo as a uint8 array or a path, got {got}: load files with facedge.imaging.load_rgb"
        )
    photo = np.broadcast_to(rgb[:, :, None], (*rgb.shape, 3)) if rgb.ndim == 2 else rgb
    if photo.ndim != 3 or photo.shape[2] != 3 or 0 in photo.shape:
        raise InputError(f"expected a photo of shape (H, W, 3) or (H, W), got {rgb.shape}")
    return photo
