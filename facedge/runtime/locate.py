"""From a photo to the one aligned crop that gets verified, or the reason why there is none."""

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facedge.errors import InputError
from facedge.preprocessing.spec import FRAME_HEIGHT, FRAME_WIDTH
from facedge.runtime.decision import Reason

if TYPE_CHECKING:
    from facedge.detection import Face, Policy

ALIGNED_SHAPES = ((FRAME_HEIGHT, FRAME_WIDTH), (FRAME_HEIGHT // 2, FRAME_WIDTH // 2))  # the frame, and at half scale


@dataclass(frozen=True)
class Located:
    """The crop to verify (uint8 (H, W, 3) or (H, W)) and where it came from; `crop` is None exactly with a `reason`."""

    crop: NDArray[np.uint8] | None
    reason: Reason | None = None
    box: tuple[float, float, float, float] | None = None
    landmarks: tuple[tuple[float, float], ...] | None = None
    detect_ms: float = 0.0
    align_ms: float = 0.0


def is_aligned(image: NDArray[np.uint8]) -> bool:
    """Whether an image has the size of a CelebA crop: 178x218 pixels, or 89x109."""
    return image.shape[:2] in ALIGNED_SHAPES


def locate(
    image: NDArray[np.uint8],
    *,
    faces: "Policy" = "largest",
    aligned: bool | None = None,
    min_face: float | None = None,
) -> Located:
    """Find the face to verify in uint8 RGB (H, W, 3) or grey (H, W).

    aligned  True: the image is a crop in CelebA geometry already; False: it is a photo; None: its size tells
    faces    which face of several counts: the largest, the one nearest the centre, or "only" to refuse several
    min_face the smallest face to look for, as in facedge.detect; None takes its default
    """
    if aligned or (aligned is None and is_aligned(image)):
        return Located(image)
    from facedge.detection import choose, detect  # late: aligned crops need no detector

    start = perf_counter()
    found = detect(image) if min_face is None else detect(image, min_face=min_face)
    detect_ms = 1000 * (perf_counter() - start)
    if not found:
        return Located(None, "no_face", detect_ms=detect_ms)
    face = choose(found, faces, image.shape)
    if face is None:
        return Located(None, "many_faces", detect_ms=detect_ms)
    return _align(image, face, detect_ms)


def follow(image: NDArray[np.uint8], last: Located) -> Located | None:
    """The face that was at `last` in the frame before, in this one: uint8 RGB (H, W, 3) or grey (H, W).

    Looks only around its last place, for a third of the time that `locate` takes. None where
    it is not found there.
    """
    from facedge.alignment import align
    from facedge.alignment import follow as follow_face

    if last.crop is None or last.landmarks is None:
        return None
    start = perf_counter()
    try:
        face = follow_face(image, last.landmarks)
        found_at = perf_counter()
        crop = None if face is None else align(image, face.landmarks)
    except InputError:  # another size of frame, or a face that is leaving it
        return None
    if face is None:
        return None
    detect_ms, align_ms = 1000 * (found_at - start), 1000 * (perf_counter() - found_at)
    return Located(crop, None, face.box, _pairs(face.landmarks), detect_ms, align_ms)


def _align(image: NDArray[np.uint8], face: "Face", detect_ms: float) -> Located:
    from facedge.alignment import align, refine

    x0, y0, x1, y1 = (float(edge) for edge in face.box)
    try:
        start = perf_counter()
        landmarks = refine(image, face.landmarks)
        detect_ms += 1000 * (perf_counter() - start)
        start = perf_counter()
        crop = align(image, landmarks)
        align_ms = 1000 * (perf_counter() - start)
    except InputError:  # landmarks outside the photo or collapsed: a face cut off, or none at all
        sound = bool(np.isfinite(face.landmarks).all())
        return Located(None, "low_quality", (x0, y0, x1, y1), _pairs(face.landmarks) if sound else None, detect_ms)
    return Located(crop, None, (x0, y0, x1, y1), _pairs(landmarks), detect_ms, align_ms)


def _pairs(landmarks: NDArray[np.float32]) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in landmarks)
