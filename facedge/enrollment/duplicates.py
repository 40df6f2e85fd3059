"""The same photo twice, also as a copy that was cut, resized, turned, mirrored, recoloured or encoded again.

Such evidence would count twice. Of two photos the aligned faces are compared, moved onto each other by an affine
motion: what is around the face does not matter. Of the samples in a bundle only embeddings are kept, so a photo that is
added later is compared with these by its own embedding and that of its mirror image.

Measured (benchmarks/copies.py): of 358 copies (24 photos of CelebA at half and one and a half size, cut, turned by 4
and 10 degrees, mirrored, brighter, with more contrast, warmer, grey, as JPEG of quality 30, as screenshots with
borders, and several of these together) 351 are found; 6 of the others are brighter ones, whose light parts are white.
Of the 23,564 pairs of photos of one person among the 100 validation identities 43 are taken for copies, and those
looked at were (CelebA holds some photos twice, cut anew or mirrored); two shots of one moment have 0.977 at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from facedge.faces.motion import ACROSS, ALONG, FACE, RADIUS, MotionModel, even_light, fit_motion, mean_around
from facedge.types import Float32Array, Float64Array, IntArray, UInt8Array

# Correlation of two faces moved onto each other. Takes of one drawn face (facedge.demo) have 0.994 at most.
SAME = 0.995
# Correlation of the blurred faces before, below which they are not moved: of 360 copies the lowest is 0.765, of pairs
# of photos of one person 14 % reach this.
ROUGHLY, BLUR = 0.75, RADIUS // 2  # pixels
# An enrolled sample is nearer than this share of pairs of photos of one person in the bundle's cohort. With the bundle
# inside the package (cosine 0.946) 354 of the 358 copies are, and 49 of the 23,564 pairs.
CLOSER = 0.998
FEWEST_PAIRS = 1000  # of a cohort, for that share; with fewer of them, a cosine of
CLOSE = 0.95

_AFFINE = np.stack([np.ones(FACE.shape), ACROSS, ALONG])
_MODEL = MotionModel(_AFFINE, _AFFINE, np.full(6, 2.0))


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What shows that a photo is a copy of another one.

    face      the aligned face in even light, float64 (109, 89)
    mirrored  embedding of its mirror image, float32 (D,)
    """

    face: Float64Array
    mirrored: Float32Array

    def same_photo(self, other: "Fingerprint") -> bool:
        """Whether both are of one photo, or one of the other's mirror image."""
        views = zip((other.face, np.ascontiguousarray(other.face[:, ::-1])), other._blurred, strict=True)
        return any(
            float(self._blurred[0] @ blurred) >= ROUGHLY and fit_motion(_MODEL, self.face, view).likeness >= SAME
            for view, blurred in views
        )

    @cached_property
    def _blurred(self) -> tuple[Float64Array, Float64Array]:
        """The pixels of the blurred face and of its mirror image, of mean 0 and length 1."""
        blurred = mean_around(mean_around(self.face, BLUR), BLUR)
        found = []
        for view in (blurred, blurred[:, ::-1]):
            values = view[FACE] - view[FACE].mean()
            found.append(values / max(float(np.linalg.norm(values)), 1e-9))
        return found[0], found[1]


def fingerprint(crop: UInt8Array, mirrored: Float32Array) -> Fingerprint:
    """The fingerprint of a photo from its aligned crop uint8 (H, W, 3) or (H, W), and its mirror image's embedding."""
    return Fingerprint(even_light(crop), mirrored)


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


def enrolled_already(
    embeddings: Float32Array, enrolled: Float32Array, closer: float, mirrored: Float32Array | None = None
) -> list[int]:
    """The positions of photos, embeddings (K, D), that are copies of a sample among `enrolled` (E, D).

    closer    cosine above which they are, see `copy_cosine`
    mirrored  embeddings (K, D) of the photos' mirror images, where mirrored copies count too
    """
    if not len(enrolled) or not len(embeddings):
        return []
    views = [embeddings] if mirrored is None else [embeddings, mirrored]
    return np.flatnonzero(np.max([(x @ enrolled.T).max(axis=1) for x in views], axis=0) > closer).tolist()


def copy_cosine(cohort: Float32Array, identities: IntArray) -> float:
    """The cosine above which a photo counts as a copy of an enrolled one: that of CLOSER of the cohort's pairs.

    cohort: embeddings (N, D) of people `identities` (N,). Any backbone has its own; CLOSE for a cohort of few pairs.
    """
    cosines = []
    for person in np.unique(identities):
        x = cohort[identities == person]
        cosines.append((x @ x.T)[np.triu_indices(len(x), 1)])
    found = np.concatenate(cosines) if cosines else np.empty(0)
    return float(np.quantile(found, CLOSER)) if len(found) >= FEWEST_PAIRS else CLOSE
