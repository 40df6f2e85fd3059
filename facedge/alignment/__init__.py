"""A face in any photo -> the aligned 178x218 crop in CelebA geometry, antialiased, the same bits everywhere.

crop = align(photo, refine(photo, face.landmarks))      # uint8 (218, 178, 3)
found = align_face(photo, faces="only")                 # detect, choose, refine and align in one call
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from facedge.alignment._sample import Bytes, as_frame, sample
from facedge.alignment.refine import follow, refine
from facedge.alignment.similarity import TARGET, checked_landmarks, crop_corners, fit_similarity, sampling_for
from facedge.detection import MIN_FACE, MIN_SCORE, Detector, Face, choose, detect
from facedge.errors import InputError
from facedge.preprocessing.spec import FRAME_HEIGHT, FRAME_WIDTH

__all__ = ["Aligned", "align", "align_face", "crop_corners", "fit_similarity", "follow", "refine"]


def align(rgb: Bytes, landmarks: npt.ArrayLike, *, out: Bytes | None = None) -> Bytes:
    """The face with these landmarks as a crop in CelebA geometry: uint8 (218, 178, 3).

    rgb: uint8 (H, W, 3) RGB or (H, W) grey, any strides, never copied.
    landmarks: (5, 2), x and y in pixels from the photo's corner, in the order of Face.landmarks.
    out: where to write, C-contiguous uint8 (218, 178, 3); returned. None allocates.

    A similarity (turn, scale, shift) fitted by least squares; pixels outside the photo repeat its border; where the
    face is larger than the crop the frame is averaged, so that nothing aliases (see _reference.py and Sampling).
    Raises InputError for another array, and for landmarks that are not finite, collapsed, outside or no face.
    """
    frame = as_frame(rgb)
    points = checked_landmarks(landmarks, *frame.shape[:2])
    shape = (FRAME_HEIGHT, FRAME_WIDTH, 3)
    if out is None:
        out = np.empty(shape, np.uint8)
    elif out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous or not out.flags.writeable:
        raise InputError(f"expected out as a writeable contiguous uint8 array {shape}, got {out.dtype} {out.shape}")
    return sample(frame, sampling_for(*fit_similarity(points, TARGET)), out)


Reason = Literal["no_face", "many_faces", "low_quality"]


@dataclass(frozen=True, eq=False)
class Aligned:
    """What became of a photo: the crop of the face that is meant, or the reason why there is none.

    crop: uint8 (218, 178, 3), None exactly where `reason` is given.
    face: the face that is meant, its landmarks refined. faces: every face found, largest first.
    """

    crop: Bytes | None
    reason: Reason | None
    face: Face | None
    faces: tuple[Face, ...]


def align_face(
    rgb: Bytes,
    *,
    faces: str = "largest",
    min_score: float = MIN_SCORE,
    min_face: float = MIN_FACE,
    detector: Detector | None = None,
) -> Aligned:
    """Find the faces of a photo, choose the one that is meant, look at it again and align it.

    rgb: uint8 (H, W, 3) RGB or (H, W) grey. faces: the policy, largest, center or only; the rest as in `detect`.
    The reason is low_quality where landmarks are collapsed or lie outside: a face cut off, or none at all.
    """
    found = tuple(detect(rgb, min_score=min_score, min_face=min_face, detector=detector))
    chosen = choose(found, faces, rgb.shape)
    if chosen is None:
        return Aligned(None, "many_faces" if found else "no_face", None, found)
    try:
        face = replace(chosen, landmarks=refine(rgb, chosen.landmarks, detector=detector))
        return Aligned(align(rgb, face.landmarks), None, face, found)
    except InputError:
        return Aligned(None, "low_quality", chosen, found)
