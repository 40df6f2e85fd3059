"""Moved: facedge.faces.align, .landmarks and .similarity; `align_face` and `Aligned` to facedge.faces.crop."""

from dataclasses import dataclass, replace
from typing import Literal

from facedge.alignment.refine import follow, refine
from facedge.errors import InputError
from facedge.faces.align import align
from facedge.faces.detect import Face, choose, detect
from facedge.faces.options import MIN_FACE, MIN_SCORE
from facedge.faces.similarity import fit_similarity
from facedge.faces.yunet import Detector
from facedge.types import UInt8Array as Bytes

__all__ = ["Aligned", "align", "align_face", "fit_similarity", "follow", "refine"]

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
