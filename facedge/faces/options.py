"""Which face of a photo is meant, and how small it may be. Imports nothing, so that the detector loads only on use."""

from dataclasses import dataclass
from typing import Literal, get_args

Policy = Literal["largest", "center", "only"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
MIN_SCORE = 0.6
MIN_FACE = 0.075  # of the photo's longer side: an input of 320 pixels


@dataclass(frozen=True)
class FaceOptions:
    """How a photo is searched.

    Attributes:
        policy: which of several faces is meant: the largest, the one nearest the centre, or "only" to refuse several
        min_face: width of the smallest face to find: below 1 a share of the photo's longer side, otherwise pixels
        min_score: lowest detector score, 0 to 1
        turn: where no face is upright in the photo, search it turned by 90, 180 and 270 degrees too; False for the
            frames of a camera, whose turn is decided once (facedge.camera.adjust)
    """

    policy: Policy = "largest"
    min_face: float = MIN_FACE
    min_score: float = MIN_SCORE
    turn: bool = True
