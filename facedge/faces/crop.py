"""From a photo to the aligned crop of the face that is meant, or the reason why there is none.

Every part of the package that needs a face out of a photo calls `find_crop`; for the next frame of a video
`follow_crop` takes a third of the time. The steps: read the photo, detect faces, choose one by policy, refine its
landmarks, check that it is upright and undistorted (facedge.faces.plausible), align. A photo without an upright face is
searched turned by 90, 180 and 270 degrees.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from facedge.errors import InputError
from facedge.faces.options import FaceOptions
from facedge.preprocessing.spec import FRAME_HEIGHT, FRAME_WIDTH
from facedge.types import UInt8Array

if TYPE_CHECKING:
    from facedge.faces.detect import Face
    from facedge.faces.yunet import Detector

ALIGNED_SHAPES = ((FRAME_HEIGHT, FRAME_WIDTH), (FRAME_HEIGHT // 2, FRAME_WIDTH // 2))  # CelebA's, and at half scale

LARGEST_FACE = FaceOptions()

CropReason = Literal["no_face", "many_faces", "low_quality", "rotated", "distorted"]
UNTURNED = ("no_face", "low_quality", "rotated")  # what a photo that lies on its side may give
TURNS = (90, 270, 180)  # degrees clockwise, in the order in which a photo is searched: telephones are held sideways
Points: TypeAlias = tuple[tuple[float, float], ...]


Photo: TypeAlias = (
    str | os.PathLike[str] | bytes | UInt8Array | Any
)  # Any: a PIL.Image.Image, which arrays must not need


@dataclass(frozen=True, eq=False)
class FaceCrop:
    """The crop of the face that is meant, and where it is in the photo.

    crop    uint8 (218, 178, 3) in CelebA geometry, or the photo itself where it came aligned; None with a reason
    reason  no_face; many_faces: the policy "only" refuses several; low_quality: landmarks that are collapsed or outside
            the photo, as of a face that is cut off; rotated: the face is not upright; distorted: the picture is
            squeezed or stretched
    face    the face that is meant, with refined landmarks, in pixels of the photo; None for photos that came aligned
    faces   every face found, largest first, in pixels of the photo
    ms      milliseconds by stage: decode, detect, align
    turned  degrees clockwise by which the photo was turned to find the face: 0, 90, 180 or 270
    stretch logarithm of the factor by which the picture seems widened, see facedge.faces.plausible.stretch; None where
            no face was measured
    """

    crop: UInt8Array | None
    reason: CropReason | None = None
    face: "Face | None" = None
    faces: tuple["Face", ...] = ()
    ms: Mapping[str, float] = field(default_factory=dict)
    turned: int = 0
    stretch: float | None = None

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """(x0, y0, x1, y1) of the face in pixels of the photo."""
        return self.face.box if self.face is not None else None

    @property
    def landmarks(self) -> Points | None:
        """Five (x, y) in pixels of the photo: eyes, nose, mouth corners; None also where they are not finite."""
        if self.face is None or not np.isfinite(self.face.landmarks).all():
            return None
        return tuple((float(x), float(y)) for x, y in self.face.landmarks)


def find_crop(
    photo: Photo,
    options: FaceOptions = LARGEST_FACE,
    *,
    aligned: bool | None = None,
    detector: "Detector | None" = None,
) -> FaceCrop:
    """Find the face that is meant in a photo and align it.

    photo     a path, the bytes of an image file, uint8 RGB (H, W, 3) or grey (H, W), or a PIL image
    options   which of several faces is meant, and the smallest face to look for
    aligned   True: the photo is a crop in CelebA geometry; False: find the face in it; None: 178x218 and 89x109 pixels
              count as aligned
    detector  a Detector to use instead of the process's own

    Raises ImageError when the photo cannot be read, InputError for an array of another kind, MissingDependencyError
    when it needs a detector and there is none.
    """
    clock = perf_counter()
    image = read_photo(photo)
    ms = {"decode": since(clock)}
    if aligned or (aligned is None and is_aligned(image)):
        return FaceCrop(image, ms=ms)
    first = _search(image, 0, options, detector)
    spent = dict(first.ms)
    for degrees in TURNS if options.turn and first.reason in UNTURNED else ():
        found = _search(image, degrees, options, detector)
        spent = {stage: spent.get(stage, 0.0) + found.ms.get(stage, 0.0) for stage in {**spent, **found.ms}}
        if found.reason not in UNTURNED:
            first = found
            break
    return replace(first, ms=ms | spent)


def find_crops(
    photo: Photo,
    options: FaceOptions = LARGEST_FACE,
    *,
    aligned: bool | None = None,
    detector: "Detector | None" = None,
) -> list[FaceCrop]:
    """Every face of a photo, the largest first, each with its crop or the reason why there is none; as `find_crop`.

    The policy of the options does not matter. One FaceCrop with the reason no_face where there is no face. The photo is
    searched turned as well where no face is usable as it lies; faces of different turns are not mixed. Reading and
    searching the photo count as the largest face's milliseconds.
    """
    clock = perf_counter()
    image = read_photo(photo)
    ms = {"decode": since(clock)}
    if aligned or (aligned is None and is_aligned(image)):
        return [FaceCrop(image, ms=ms)]
    chosen, ms["detect"] = _search_all(image, 0, options, detector)
    for degrees in TURNS if options.turn and all(found.reason in UNTURNED for found in chosen) else ():
        turned, spent = _search_all(image, degrees, options, detector)
        ms["detect"] += spent
        if any(found.reason not in UNTURNED for found in turned):
            chosen = turned
            break
    ms["detect"] += chosen[0].ms.get("detect", 0.0)
    return [replace(chosen[0], ms={**chosen[0].ms, **ms}), *chosen[1:]]


def follow_crop(image: UInt8Array, last: FaceCrop) -> FaceCrop | None:
    """The crop of the face that was at `last` in the frame before; image: uint8 RGB (H, W, 3) or grey (H, W).

    Searches only around the last position, for a third of the time that `find_crop` takes. None where the face is not
    found there or its head is tilted too far; which way is up, and the proportions, are taken from `last`.
    """
    from facedge.faces.align import align
    from facedge.faces.landmarks import follow
    from facedge.faces.plausible import is_tilted

    if last.crop is None or last.face is None:
        return None
    clock = perf_counter()
    try:
        face = follow(image, last.face.landmarks)
        found_at = perf_counter()
        crop = None if face is None else align(image, face.landmarks)
    except InputError:  # another size of frame, or a face that is leaving it
        return None
    if face is None or is_tilted(face.landmarks, last.turned):
        return None
    ms = {"detect": 1000 * (found_at - clock), "align": since(found_at)}
    return FaceCrop(crop, None, face, (face,), ms, last.turned, last.stretch)


def is_aligned(image: UInt8Array) -> bool:
    """Whether an image has the size of a CelebA crop: 178x218 pixels, or 89x109."""
    return image.shape[:2] in ALIGNED_SHAPES


def read_photo(photo: Photo) -> UInt8Array:
    """A photo as uint8 RGB (H, W, 3) or grey (H, W).

    Raises ImageError for a file or PIL image that cannot be read, InputError for an array of another kind.
    """
    if isinstance(photo, str | bytes | os.PathLike):
        from facedge.imaging import load_rgb  # late: arrays need no Pillow

        return load_rgb(photo)
    image: Any = photo
    if hasattr(image, "convert") and hasattr(image, "mode"):
        from facedge.imaging import from_pil

        return from_pil(image)
    try:
        pixels = np.asarray(photo)
    except ValueError as problem:  # rows of different lengths
        raise InputError(f"photo: expected uint8 RGB (H, W, 3) or grey (H, W), got no array ({problem})") from problem
    shaped = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype != np.uint8 or not shaped or 0 in pixels.shape:
        raise InputError(f"photo: expected uint8 RGB (H, W, 3) or grey (H, W), got {pixels.dtype} {pixels.shape}")
    return pixels


def since(clock: float) -> float:
    """Milliseconds since `clock`, a time.perf_counter()."""
    return 1000 * (perf_counter() - clock)


def _search(image: UInt8Array, turned: int, options: FaceOptions, detector: "Detector | None") -> FaceCrop:
    """The face that is meant in the photo turned clockwise by `turned` degrees, in pixels of the photo as it came."""
    from facedge.faces.detect import choose  # late: aligned crops need no detector

    clock = perf_counter()
    faces = _detected(image, turned, options, detector)
    ms = {"detect": since(clock)}
    face = choose(faces, options.policy, image.shape)
    if face is None:
        return FaceCrop(None, "many_faces" if faces else "no_face", None, faces, ms, turned)
    return _refined(image, FaceCrop(None, "low_quality", face, faces, ms, turned), detector)


def _search_all(
    image: UInt8Array, turned: int, options: FaceOptions, detector: "Detector | None"
) -> tuple[list[FaceCrop], float]:
    """Every face in the photo turned clockwise by `turned` degrees, as `_search`; and the milliseconds of detection."""
    clock = perf_counter()
    faces = _detected(image, turned, options, detector)
    spent = since(clock)
    if not faces:
        return [FaceCrop(None, "no_face", turned=turned)], spent
    ms = {"detect": 0.0}
    return [_refined(image, FaceCrop(None, "low_quality", face, faces, ms, turned), detector) for face in faces], spent


def _detected(image: UInt8Array, turned: int, options: FaceOptions, detector: "Detector | None") -> "tuple[Face, ...]":
    """The faces found in the photo turned clockwise by `turned` degrees, in pixels of the photo as it came."""
    from facedge.faces.detect import detect  # late: aligned crops need no detector

    view = np.rot90(image, -turned // 90) if turned else image
    found = detect(view, min_score=options.min_score, min_face=options.min_face, detector=detector)
    return tuple(face.turned_back(turned, image.shape) for face in found)


def _refined(image: UInt8Array, found: FaceCrop, detector: "Detector | None") -> FaceCrop:
    """`found` with refined landmarks, and with its crop where it is plausible.

    As it is (low_quality) where the landmarks cannot be used, or the face is not found again near them.
    """
    from facedge.faces.align import align
    from facedge.faces.landmarks import refine
    from facedge.faces.plausible import check_face

    assert found.face is not None
    ms, clock = dict(found.ms), perf_counter()
    try:
        refined = refine(image, found.face.landmarks, detector=detector)
        if math.isnan(refined.aspect):
            return found
        checked = check_face(image, refined, found.face.score, found.turned, detector=detector)
        ms["detect"] += since(clock)
        clock = perf_counter()
        crop = None if checked.fault else align(image, refined.landmarks)
    except InputError:
        return found
    ms["align"] = since(clock)
    face = replace(found.face, landmarks=refined.landmarks)
    return replace(found, crop=crop, reason=checked.fault, face=face, ms=ms, stretch=checked.stretch)
