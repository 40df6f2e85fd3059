"""A found face, and which of several faces is meant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from facedge.errors import InputError

Policy = Literal["largest", "center", "only"]
POLICIES: tuple[Policy, ...] = get_args(Policy)


@dataclass(frozen=True, eq=False)
class Face:
    """One face in a photo, in pixels of the photo with (0, 0) at the corner of the first pixel.

    box: (x0, y0, x1, y1); parts of it may lie outside the photo.
    landmarks: float32 (5, 2), x and y of the eye on the image's left, the other eye, the tip of the nose, and the
        mouth corners on the image's left and right: CelebA's order.
    score: the detector's confidence, from 0 to 1.
    """

    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float32]
    score: float

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        x0, y0, x1, y1 = self.box
        return max(0.0, x1 - x0) * max(0.0, y1 - y0)

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the box as (x, y)."""
        x0, y0, x1, y1 = self.box
        return (x0 + x1) / 2, (y0 + y1) / 2


def largest_first(faces: Sequence[Face]) -> list[Face]:
    """The faces by falling area; the higher score first where areas are equal."""
    return sorted(faces, key=lambda face: (face.area, face.score), reverse=True)


def choose(faces: Sequence[Face], policy: str = "largest", shape: Sequence[int] | None = None) -> Face | None:
    """The one face that is meant, or None where the policy finds none.

    policy: `largest` takes the face with the largest box, `center` the one whose box lies nearest to the middle of
    the photo (`shape` is the photo's (H, W, ...)), and `only` accepts a photo with exactly one face.
    Raises InputError for another policy, and for `center` without a shape.
    """
    if policy not in POLICIES:
        raise InputError(f"expected a faces policy of {', '.join(POLICIES)}, got {policy!r}")
    if policy == "center" and shape is None:
        raise InputError("the policy 'center' needs the photo's shape (H, W, ...), got None: pass shape=photo.shape")
    if not faces or (policy == "only" and len(faces) > 1):
        return None
    if policy == "center" and shape is not None:
        middle = np.array([shape[1], shape[0]]) / 2
        return min(faces, key=lambda face: float(np.hypot(*(middle - face.centre))))
    return largest_first(faces)[0]
