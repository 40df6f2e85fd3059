"""Rules that a found face must meet before it is scored: upright, and in the proportions of a face.

The network was trained, and every threshold calibrated, on such crops; of other pictures the error rates do not hold.
Where enrollment and probes are both upside down, or both squeezed to half width, nearly everybody passes.

Upright. The detector "finds" faces that lie on their side or upside down too, with landmarks in the upright pattern, so
the landmarks alone prove nothing. Its score does: four copies of the face, turned by 0, 90, 180 and 270 degrees, are
put into one input, and the copy that scores highest is upright. Measured on 600 + 450 CelebA images: the unturned copy
was highest in each of 1,050; upside down, in none of 780 faces found in CelebA, LFW and photos.

Proportions. `stretch` estimates the picture's width factor from three measures that a squeezed picture changes. It was
fitted by least squares on 600 images of CelebA's training partition, each resized to 0.67, 0.75, 0.85, 0.9, 1, 1.1,
1.2, 1.25, 1.33 and 1.5 of its width. One photo shows a large factor only; the median of several shows a smaller one.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np

from facedge.faces.align import TARGET, as_frame, checked_landmarks, fit_similarity
from facedge.faces.boxes import Candidates, mean_landmarks
from facedge.faces.landmarks import FACE, SAME_FACE, WINDOW, Refined, face_window
from facedge.faces.yunet import Detector, default_detector
from facedge.types import Float32Array, Float64Array, IntArray, UInt8Array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

TILE, TILE_FACE = WINDOW // 2, FACE // 2  # pixels of one copy in the detector's input, and of the face in it
LEAST_SCORE = 0.02  # far below what counts as a face: the largest of four is asked for
FARTHEST = 0.2  # of a tile's side: from its middle to the face's

# Degrees. Of heads tilted by 30 degrees the refined landmarks show 24 (5 % to 95 %: 18 to 31), of 45 degrees 31, of 60
# degrees 24 (-10 to 44): from there on they are wrong. In the upright copy they then show a rest of 4.5 and 7.4, which
# is below 5 in 1,049 of 1,050 upright images. Together the two limits refuse 11 % of the heads tilted by 30 degrees,
# 87 % at 45 and 95 % at 60 (450 CelebA test images each).
MOST_ROLL = 30.0
MOST_ROLL_LEFT = 5.0

# Of ln(box width / height), ln(eye distance / eye-to-mouth distance) and (nose offset / eye-to-mouth distance)^2.
BOX_WEIGHT, EYES_WEIGHT, YAW_WEIGHT = 1.25, 0.45, 1.45
SEARCHED, FOLLOWED = 0.37, 0.23  # added: the box of a followed face is found in a smaller window and is wider
# Limits of abs(stretch). One photo: refuses SHARES.
MOST_STRETCH = 0.23
# The median over the photos of one person (680 CelebA identities outside the fit; 90 test identities for the widths).
# Refused of natural pictures: 0.7 % of pairs, 0.6 % of 3 photos, 0.3 % of 4 or 5; of 5 photos at width 0.75 97 %, 0.67
# and 1.5 all, 1.33 98 %, 1.25 80 %, 1.2 58 %. The lower limit, for a warning: 3.4 %, 2.4 %, 0.9 % and 1.0 % of natural
# ones; of 5 photos at width 1.2 80 %, 0.85 63 %.
MOST_MEDIAN, DOUBTFUL_MEDIAN = 0.16, 0.13
LEAST_PHOTOS = 2  # of a median


def stands_upright(rgb: UInt8Array, landmarks: "ArrayLike", *, detector: Detector | None = None) -> bool:
    """Whether the face with these refined landmarks (5, 2) is upright by them: one detector run.

    rgb: uint8 (H, W, 3) RGB or (H, W) grey. Raises InputError as `align` does.
    """
    frame = as_frame(rgb)
    points = checked_landmarks(landmarks, *frame.shape[:2])
    tile = face_window(frame, points, TILE, TILE_FACE).planes
    found = (detector or default_detector()).candidates(_four_turns(tile), LEAST_SCORE)
    near = [_near_middle(found, turn) for turn in range(4)]
    best = [float(found.scores[rows].max(initial=0.0)) for rows in near]
    if not best[0] > max(best[1:]):
        return False
    chosen = int(near[0][found.scores[near[0]].argmax()])
    return abs(roll(mean_landmarks(found, chosen, SAME_FACE))) <= MOST_ROLL_LEFT


def _four_turns(tile: Float32Array) -> Float32Array:
    """Planes (1, 3, S, S) turned counter-clockwise by 0, 90 degrees, and below by 180, 270: (1, 3, 2S, 2S)."""
    turns = [np.rot90(tile, turn, axes=(2, 3)) for turn in range(4)]
    rows = [np.concatenate(turns[:2], axis=3), np.concatenate(turns[2:], axis=3)]
    return np.ascontiguousarray(np.concatenate(rows, axis=2))


def _near_middle(found: Candidates, turn: int) -> IntArray:
    """Indices of the faces near the middle of a copy."""
    row, column = divmod(turn, 2)
    middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    off = middles - np.array([(column + 0.5) * TILE, (row + 0.5) * TILE])
    return np.flatnonzero(np.hypot(*off.T) <= FARTHEST * TILE)


def roll(landmarks: "ArrayLike") -> float:
    """Degrees, -180 to 180, by which landmarks (5, 2) lie turned clockwise from the upright pattern."""
    turn, _ = fit_similarity(landmarks, TARGET)
    return -math.degrees(math.atan2(turn.imag, turn.real))


def stretch(face: Refined, offset: float = SEARCHED) -> float:
    """The logarithm of the factor by which the picture's width seems too large: 0 natural, -0.69 at half width.

    offset: SEARCHED for a face from `refine`, FOLLOWED for one from `follow`. The estimate's standard deviation over
    natural pictures is 0.075.
    """
    points = _upright(face.landmarks)
    eyes, mouth = (points[0] + points[1]) / 2, (points[3] + points[4]) / 2
    height = max(float(mouth[1] - eyes[1]), 1e-6)
    width = max(float(points[1, 0] - points[0, 0]), 1e-6)
    yaw = float(points[2, 0] - eyes[0]) / height
    return BOX_WEIGHT * math.log(face.aspect) + EYES_WEIGHT * math.log(width / height) + YAW_WEIGHT * yaw**2 + offset


def _upright(landmarks: "ArrayLike") -> Float64Array:
    """The landmarks (5, 2) in the aligned crop's coordinates."""
    m, t = fit_similarity(landmarks, TARGET)
    points = np.asarray(landmarks, np.float64)
    z = m * (points[:, 0] + 1j * points[:, 1]) + t
    return np.stack([z.real, z.imag], axis=1)


def shape_fault(landmarks: "ArrayLike", stretched: float, turned: int = 0) -> Literal["rotated", "distorted"] | None:
    """Which limit a face exceeds, by its landmarks (5, 2) and its `stretch`; None for none.

    turned: degrees clockwise by which the photo was turned to find it; landmarks are in pixels of the photo unturned.
    """
    tilt = (roll(landmarks) + turned + 180) % 360 - 180
    if abs(tilt) > MOST_ROLL:
        return "rotated"
    return None if abs(stretched) <= MOST_STRETCH else "distorted"


def median_stretch(stretches: Iterable[float]) -> float:
    """The median `stretch` of photos or frames of one source; 0 where there are fewer than LEAST_PHOTOS."""
    found = list(stretches)
    return float(np.median(found)) if len(found) >= LEAST_PHOTOS else 0.0


def squeeze_fault(stretched: float, limit: float) -> str:
    """One sentence for a `median_stretch` beyond the limit: cause and remedy; "" for one within it."""
    if abs(stretched) <= limit:
        return ""
    kind = "squeezed" if stretched < 0 else "stretched"
    return (
        f"the pictures seem {kind} to {math.exp(stretched):.2f} of their width, and no FAR holds for such pictures: "
        "give a camera's true proportions with --aspect W:H (such as --aspect 16:9), or photos that were not resized"
    )
