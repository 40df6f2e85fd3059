"""A listed image of a dataset as the aligned crop of its face: as it is, or found and aligned where it is a photo."""

from facedge.errors import ImageError
from facedge.faces.crop import find_crop
from facedge.faces.options import FaceOptions
from facedge.imaging import load_rgb
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH
from facedge.types import UInt8Array

_HALF = (FRAME_HEIGHT // 2, FRAME_WIDTH // 2)


def crop_of(data: bytes, min_face: float | None = None) -> UInt8Array:
    """The crop in an encoded image: uint8 (H, W, 3) in CelebA geometry.

    min_face: None: the image is such a crop, 178x218 pixels or another multiple of 89x109. Otherwise it is a photo, and
        its largest face is found and aligned: 218x178; the width of the smallest to look for, as in FaceOptions.

    Raises ImageError where there is no such crop, MissingDependencyError where finding faces needs what is absent.
    """
    rgb = load_rgb(data)
    if min_face is None:
        _check_geometry(rgb)
        return rgb
    found = find_crop(rgb, FaceOptions(min_face=min_face), aligned=False)
    if found.crop is None:
        raise ImageError("shows no face" if found.reason == "no_face" else "shows a face that is cut off")
    return found.crop


def _check_geometry(rgb: UInt8Array) -> None:
    height, width = rgb.shape[:2]
    if height % _HALF[0] or width % _HALF[1] or height // _HALF[0] != width // _HALF[1]:
        raise ImageError(
            f"has {width} x {height} pixels, expected the aligned {FRAME_WIDTH} x {FRAME_HEIGHT} or half of it; "
            "photos need --detect"
        )
