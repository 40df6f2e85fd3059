"""Moved: facedge.faces.crop."""

from typing import TYPE_CHECKING

import numpy as np

from facedge.faces.crop import FaceCrop, find_crop
from facedge.faces.crop import follow_crop as follow
from facedge.faces.crop import is_aligned as is_aligned
from facedge.faces.options import MIN_FACE, FaceOptions, Policy
from facedge.types import UInt8Array

__all__ = ["Located", "follow", "is_aligned", "locate"]


if TYPE_CHECKING:
    Located = FaceCrop
else:

    class Located:
        """Renamed: FaceCrop(crop, reason, Face(box, landmarks, score))."""

        def __new__(cls, crop, reason=None, box=None, landmarks=None):
            """A FaceCrop."""
            from facedge.detection import Face

            return FaceCrop(crop, reason, None if box is None else Face(box, np.array(landmarks, np.float32), 1.0))


def locate(
    image: UInt8Array, *, faces: Policy = "largest", aligned: bool | None = None, min_face: float | None = None
) -> FaceCrop:
    """Renamed: find_crop(image, FaceOptions(faces, min_face), aligned=aligned)."""
    return find_crop(image, FaceOptions(faces, MIN_FACE if min_face is None else min_face), aligned=aligned)
