"""A face in any photo -> the aligned 178x218 crop in CelebA geometry, antialiased, the same bits everywhere.

crop = align(photo, face.landmarks)                     # uint8 (218, 178, 3)
found = align_face(photo, faces="only")                 # detect, choose and align in one call
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from facedge.alignment import _reference
from facedge.alignment.similarity import Sampling, checked_landmarks, crop_corners, fit_similarity, sampling_for
from facedge.detection import MIN_FACE, MIN_SCORE, Detector, Face, choose, detect
from facedge.errors import InputError
from facedge.preprocessing import _kernels
from facedge.preprocessing.spec import FRAME_HEIGHT, FRAME_WIDTH

__all__ = ["Aligned", "align", "align_face", "align_faces", "crop_corners", "fit_similarity"]

Bytes = npt.NDArray[np.uint8]


def align(rgb: Bytes, landmarks: npt.ArrayLike, *, out: Bytes | None = None) -> Bytes:
    """The face with these landmarks as a crop in CelebA geometry: uint8 (218, 178, 3).

    rgb: uint8 (H, W, 3) RGB or (H, W) grey, any strides, never copied.
    landmarks: (5, 2), x and y in pixels from the photo's corner, in the order of Face.landmarks.
    out: where to write, C-contiguous uint8 (218, 178, 3); returned. None allocates.

    A similarity (turn, scale, shift) fitted by least squares; pixels outside the photo repeat its border; where the
    face is larger than the crop the frame is averaged, so that nothing aliases (see _reference.py and Sampling).
    Raises InputError for another array, and for landmarks that are not finite, collapsed, outside or no face.
    """
    frame = _as_frame(rgb)
    sampling = sampling_for(checked_landmarks(landmarks, *frame.shape[:2]))
    shape = (FRAME_HEIGHT, FRAME_WIDTH, 3)
    if out is None:
        out = np.empty(shape, np.uint8)
    elif out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous or not out.flags.writeable:
        raise InputError(f"expected out as a writeable contiguous uint8 array {shape}, got {out.dtype} {out.shape}")
    _run(frame, sampling, out)
    return out


def _as_frame(rgb: Bytes) -> Bytes:
    """uint8 (H, W, 3), a view; grey becomes three equal channels."""
    if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8:
        got = rgb.dtype if isinstance(rgb, np.ndarray) else type(rgb).__name__
        raise InputError(f"expected a photo as a uint8 array, got {got}: facedge.imaging.load_rgb reads files")
    frame = np.broadcast_to(rgb[:, :, None], (*rgb.shape, 3)) if rgb.ndim == 2 else rgb
    if frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise InputError(f"expected a photo of shape (H, W, 3) or (H, W), got {rgb.shape}")
    return frame


def _run(frame: Bytes, sampling: Sampling, out: Bytes) -> None:
    name = _kernels.chosen()
    if name == "numpy":
        out[...] = _reference.align(frame, sampling, *out.shape[:2])
        return
    kernel = _kernels.kernel
    s = sampling
    kernel.align(frame, out, s.samples, s.x0, s.y0, s.dx, s.dy, kernel.IMPLEMENTATIONS[name])


Reason = Literal["no_face", "many_faces"]


@dataclass(frozen=True, eq=False)
class Aligned:
    """What became of a photo: the crop of the face that is meant, or the reason why there is none.

    crop: uint8 (218, 178, 3), None exactly where `reason` is given.
    face: the face that was aligned. faces: every face found, largest first.
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
    """Find the faces of a photo, choose the one that is meant and align it.

    rgb: uint8 (H, W, 3) RGB or (H, W) grey. faces: the policy, largest, center or only; the rest as in `detect`.
    """
    found = tuple(detect(rgb, min_score=min_score, min_face=min_face, detector=detector))
    chosen = choose(found, faces, rgb.shape)
    if chosen is None:
        return Aligned(None, "many_faces" if found else "no_face", None, found)
    return Aligned(align(rgb, chosen.landmarks), None, chosen, found)


def align_faces(
    rgb: Bytes, *, min_score: float = MIN_SCORE, min_face: float = MIN_FACE, detector: Detector | None = None
) -> list[tuple[Face, Bytes]]:
    """Every face of a photo with its crop, largest first."""
    found = detect(rgb, min_score=min_score, min_face=min_face, detector=detector)
    return [(face, align(rgb, face.landmarks)) for face in found]
