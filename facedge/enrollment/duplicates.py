"""The same photo twice, also as a re-encoded or resized copy: evidence that would otherwise count twice.

Two photos are the same when their embeddings, their aligned crops and the place of the face in the picture agree. Of
39,661 pairs of different files of one person (CelebA test), 55 agree so far in embedding and crop: copies that the data
set holds. Of 12 photos re-encoded as JPEG of quality 30 to 90 or resized by 0.5 to 1.5, all stay above the limits on
embedding and crop; at quality 10 half of them do. A copy that was cut or framed anew has its face at another place
and counts as another photo here, but not when it is added later, where embeddings alone are left to compare.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedge.faces.quality import FACE, HALF
from facedge.preprocessing import resize_grey
from facedge.types import Float32Array, Float64Array, UInt8Array

SAME_EMBEDDING = 0.955  # cosine; the lowest of copies at half size is 0.958
SAME_CROP = 0.93  # correlation of grey levels; the lowest of copies at half size, quality 60, is 0.937
SAME_PLACE = 0.02  # of the picture's width and height, between the corners of the two face boxes
SAME_AS_ENROLLED = 0.97  # cosine to an enrolled sample, of which no crop is kept; 74 of 63,237 pairs are above it

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What shows that a photo is a copy of another one.

    embedding  float32 (D,)
    crop       grey levels of the face, float64 (N,), of mean 0 and length 1
    place      (x0, y0, x1, y1) of the face as shares of the picture; None for a photo that came aligned
    """

    embedding: Float32Array
    crop: Float64Array
    place: Box | None

    def same_photo(self, other: "Fingerprint") -> bool:
        """Whether both are of one photo."""
        if float(self.embedding @ other.embedding) < SAME_EMBEDDING or float(self.crop @ other.crop) < SAME_CROP:
            return False
        if self.place is None or other.place is None:
            return self.place is other.place
        return max(abs(a - b) for a, b in zip(self.place, other.place, strict=True)) <= SAME_PLACE


def fingerprint(embedding: Float32Array, crop: UInt8Array, box: Box | None, shape: tuple[int, ...]) -> Fingerprint:
    """The fingerprint of a photo from its embedding (D,), aligned crop uint8 (H, W, 3) or (H, W), and face box.

    shape: of the photo, (H, W, ...), whose pixels the box counts
    """
    grey = resize_grey(crop, HALF)[0][FACE].astype(np.float64).ravel()
    grey -= grey.mean()
    place = None
    if box is not None:
        place = (box[0] / shape[1], box[1] / shape[0], box[2] / shape[1], box[3] / shape[0])
    return Fingerprint(embedding, grey / max(float(np.linalg.norm(grey)), 1e-9), place)


def find_copies(photos: Sequence[Fingerprint | None]) -> dict[int, int]:
    """The position of each photo that is a copy of an earlier one, and the position of that one; None is no copy."""
    found: dict[int, int] = {}
    originals: list[tuple[int, Fingerprint]] = []
    for number, photo in enumerate(photos):
        if photo is None:
            continue
        original = next((place for place, other in originals if photo.same_photo(other)), None)
        if original is None:
            originals.append((number, photo))
        else:
            found[number] = original
    return found


def enrolled_already(embeddings: Float32Array, enrolled: Float32Array) -> list[int]:
    """The positions of embeddings (K, D) that are those of a sample among `enrolled` (E, D)."""
    if not len(enrolled) or not len(embeddings):
        return []
    return np.flatnonzero((embeddings @ enrolled.T).max(axis=1) > SAME_AS_ENROLLED).tolist()
