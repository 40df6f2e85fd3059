"""Rules that a found face must meet before it is scored: upright, and in the proportions of a face.

The network was trained, and every threshold calibrated, on such crops; of other pictures the error rates do not hold.
Where enrollment and probes are both upside down, or both squeezed to half width, nearly everybody passes.

Upright. The detector "finds" faces that lie on their side or upside down too, with landmarks in the upright pattern, so
the landmarks alone prove nothing. Its score does: four copies of the face, turned by 0, 90, 180 and 270 degrees, are
put into one input, and the copy that scores highest is upright. Measured on CelebA: of 1,050 upright images none is
taken as turned; of 450 turned by 180 degrees none is taken as upright, of 450 turned by 90 and by 270 2 and 5 are.

Proportions. `stretch` estimates the picture's width factor from three measures that a squeezed picture changes. It was
fitted by least squares on 600 images of CelebA's training partition, each resized to 0.67, 0.75, 0.85, 0.9, 1, 1.1,
1.2, 1.25, 1.33 and 1.5 of its width. One photo shows a large factor only; the median of several shows a smaller one.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from facedge.faces.align import TARGET, as_frame, checked_landmarks, fit_similarity
from facedge.faces.boxes import Candidates, mean_face
from facedge.faces.landmarks import FACE, SAME_FACE, WINDOW, Refined, face_window, near_point
from facedge.faces.yunet import Detector, default_detector
from facedge.preprocessing import kernel
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
# A face that is tilted, or was found by turning the photo, must be found with certainty: of CelebA's 600 validation
# images as they are none is refused by this, turned by 180 degrees 1.5 %, tilted by 30 degrees 9 %; tilted by 45
# degrees 36 of the 42 that pass all other rules, some of which are upside down in the crop. With the limit at 20
# degrees 34 of the 42 are refused; at 10 degrees 36 too, but then also 3 % of faces in masks and 2 % of bright ones.
CERTAIN_ROLL = 15.0
LEAST_DETECTION = 0.9

# Of ln(box width / height), ln(eye distance / eye-to-mouth distance) and (nose offset / eye-to-mouth distance)^2.
BOX_WEIGHT, EYES_WEIGHT, YAW_WEIGHT, OFFSET = 1.25, 0.45, 1.45, 0.37
LEAST_EYES = 0.6  # eye distance / eye-to-mouth distance: below, the head is in profile, not the picture squeezed

# Limits of `stretch`, lowest and highest. The low ones leave room for narrow faces and long hair: one natural video has
# a median of -0.21. One photo: refuses 2 of 900 CelebA test images, 1 of 1,200 of LFW; of 450 images resized to width
# 0.5 99 %, 0.67 66 %, 0.75 18 %, 1.1 4 %, 1.2 21 %, 1.33 72 %, 1.5 95 %.
PHOTO = (-0.32, 0.23)
# The median over photos of one person: of 680 CelebA people with natural photos 0.3 % are refused (2 or 3 photos) and
# 0.15 % (4 or 5), and 1.6 % and 0.4 % are warned or refused. Of 90 people with 5 photos at width 0.5 all are refused,
# 0.67 97 %, 0.75 40 %, 1.2 58 %, 1.33 97 %, 1.5 all; warned or refused at 0.75 97 %, 0.85 36 %, 1.2 80 %, 1.33 all.
REFUSAL = (-0.25, 0.16)
DOUBT = (-0.16, 0.13)
LEAST_PHOTOS = 2  # of a median


@dataclass(frozen=True)
class Checked:
    """Whether a face is plausible.

    Attributes:
        fault: rotated, distorted, or None where it is plausible
        stretch: logarithm of the factor by which the picture's width seems too large: 0 natural, -0.69 at half width
    """

    fault: Literal["rotated", "distorted"] | None
    stretch: float


def check_face(
    rgb: UInt8Array, face: Refined, detection: float, turned: int = 0, *, detector: Detector | None = None
) -> Checked:
    """Check a face that was found again (its aspect is a number): one detector run on four copies of it.

    rgb: uint8 (H, W, 3) RGB or (H, W) grey; the landmarks are in its pixels. detection: the detector's score of the
    face. turned: degrees clockwise by which the photo was turned to find it. Raises InputError as `align` does.
    """
    frame = as_frame(rgb)
    points = checked_landmarks(face.landmarks, *frame.shape[:2])
    stretched = stretch(face)
    doubtful = detection < LEAST_DETECTION and (turned != 0 or tilt(points, turned) > CERTAIN_ROLL)
    if doubtful or is_tilted(points, turned) or not _is_upright(frame, points, detector or default_detector()):
        return Checked("rotated", stretched)
    return Checked(None if PHOTO[0] <= stretched <= PHOTO[1] else "distorted", stretched)


def _is_upright(frame: UInt8Array, landmarks: Float64Array, detector: Detector) -> bool:
    """Whether the face is upright in the window that its landmarks give: the unturned copy scores highest, untilted."""
    tile = face_window(frame, landmarks, TILE, TILE_FACE).planes
    found = detector.candidates(_four_turns(tile), LEAST_SCORE)
    if kernel.compiled_code() is not None:
        return bool(kernel.compiled.is_upright(found.rows()))
    near = [_near_middle(found, turn) for turn in range(4)]
    best = [float(found.scores[rows].max(initial=0.0)) for rows in near]
    if not best[0] > max(best[1:]):
        return False
    chosen = int(near[0][found.scores[near[0]].argmax()])
    return abs(roll(mean_face(found, chosen, SAME_FACE)[0])) <= MOST_ROLL_LEFT


def _four_turns(tile: Float32Array) -> Float32Array:
    """Planes (1, 3, S, S) turned counter-clockwise by 0 and 90 degrees, and below by 180 and 270: (1, 3, 2S, 2S)."""
    if kernel.compiled_code() is not None:
        planes = np.empty((1, 3, 2 * tile.shape[2], 2 * tile.shape[3]), np.float32)
        kernel.compiled.four_turns(tile, planes)
        return planes
    turns = [np.rot90(tile, turn, axes=(2, 3)) for turn in range(4)]
    rows = [np.concatenate(turns[:2], axis=3), np.concatenate(turns[2:], axis=3)]
    return np.ascontiguousarray(np.concatenate(rows, axis=2))


def _near_middle(found: Candidates, turn: int) -> IntArray:
    """Indices of the faces near the middle of a copy."""
    row, column = divmod(turn, 2)
    return near_point(found, ((column + 0.5) * TILE, (row + 0.5) * TILE), FARTHEST * TILE)


def roll(landmarks: "ArrayLike") -> float:
    """Degrees, -180 to 180, by which landmarks (5, 2) lie turned clockwise from the upright pattern."""
    if kernel.compiled_code() is not None:
        return float(kernel.compiled.roll(np.array(landmarks, np.float64, order="C")))
    turn, _ = fit_similarity(landmarks, TARGET)
    return -math.degrees(math.atan2(turn.imag, turn.real))


def tilt(landmarks: "ArrayLike", turned: int = 0) -> float:
    """Degrees, 0 to 180, by which the head is tilted, by its refined landmarks (5, 2).

    Args:
        turned: degrees clockwise by which the photo was turned to find it; landmarks are in pixels of the photo
            unturned.
    """
    return abs((roll(landmarks) + turned + 180) % 360 - 180)


def is_tilted(landmarks: "ArrayLike", turned: int = 0) -> bool:
    """Whether the head is tilted too far to be aligned; landmarks and turned as in `tilt`."""
    return not tilt(landmarks, turned) <= MOST_ROLL


def stretch(face: Refined) -> float:
    """The logarithm of the factor by which the picture's width seems too large, estimated: 0 natural, -0.69 half.

    Its standard deviation over natural pictures is 0.075, and it is drawn towards 0: at width 0.75 its median is -0.26,
    at 1.33 0.26.
    """
    if kernel.compiled_code() is not None:
        return float(kernel.compiled.stretch(np.array(face.landmarks, np.float32, order="C"), face.aspect))
    points = _upright(face.landmarks)
    eyes, mouth = (points[0] + points[1]) / 2, (points[3] + points[4]) / 2
    height = max(float(mouth[1] - eyes[1]), 1e-6)
    between = max(float(points[1, 0] - points[0, 0]) / height, LEAST_EYES)
    yaw = float(points[2, 0] - eyes[0]) / height
    return BOX_WEIGHT * math.log(face.aspect) + EYES_WEIGHT * math.log(between) + YAW_WEIGHT * (yaw * yaw) + OFFSET


def _upright(landmarks: "ArrayLike") -> Float64Array:
    """The landmarks (5, 2) in the aligned crop's coordinates."""
    m, t = fit_similarity(landmarks, TARGET)
    points = np.asarray(landmarks, np.float64)
    x, y = points[:, 0], points[:, 1]
    return np.stack([m.real * x - m.imag * y + t.real, m.real * y + m.imag * x + t.imag], axis=1)


def median_stretch(stretches: Iterable[float], least: int = LEAST_PHOTOS) -> float:
    """The median `stretch` of photos or frames of one source; 0 where there are fewer than `least`."""
    found = list(stretches)
    return float(np.median(found)) if len(found) >= least else 0.0


def squeeze_fault(stretched: float, limits: tuple[float, float]) -> str:
    """One sentence for a `median_stretch` outside the limits, cause and remedy; "" for one within them."""
    if limits[0] <= stretched <= limits[1]:
        return ""
    kind = "squeezed" if stretched < 0 else "stretched"
    return (
        f"the pictures seem {kind} to {math.exp(stretched):.2f} of their width, and no FAR holds for {kind} pictures: "
        "if they are, give a camera's true proportions with --aspect W:H (such as --aspect 16:9), or take photos that "
        "were not resized"
    )
