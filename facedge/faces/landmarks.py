"""Landmarks of a face, refined by a second detection on an upright window; faces followed from frame to frame.

YuNet draws landmarks towards an upright face while that face is small in its input: of a head tilted by 15 degrees it
reports 4 at 60 pixels, and 14 at 150 (benchmarks/detection.py). So the detector runs once more on a window around the
face, turned upright by the first landmarks, with the face 150 pixels wide; the landmarks of all cells that detect it
are averaged. In the next frame of a video this step alone finds the face again, at its last place or near by.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facedge.faces.align import TARGET, as_frame, checked_landmarks, fit_similarity, sample, sampling_for
from facedge.faces.boxes import Candidates, mean_face
from facedge.faces.detect import Face
from facedge.faces.options import MIN_SCORE
from facedge.faces.yunet import Detector, default_detector
from facedge.preprocessing import kernel
from facedge.types import Float32Array, Float64Array, FloatArray, IntArray, UInt8Array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

WINDOW = 256  # pixels on a side of the detector's input
FACE = 150  # pixels of the window that a face is wide
FACE_OF_CROP = 84  # pixels of the aligned crop that a face is wide
# A face that is followed is already upright by its last landmarks: a smaller window suffices, at half the time. On a
# video its cosine to the person's mean is 0.906, with the window above 0.908, detected anew in every frame 0.909.
NEXT_WINDOW, NEXT_FACE = 160, 120
MIDDLE = complex(88, 126)  # of the face in the crop, brought to the middle of the window
LEAST_SCORE = 0.3
SAME_FACE = 0.5  # IoU
FARTHEST = 0.2  # of the window's side: a face whose middle lies farther from the window's middle is another face


@dataclass(frozen=True)
class Window:
    """A square of the photo, turned and scaled: m z + t brings the photo's point z = x + iy into it."""

    planes: Float32Array
    m: complex
    t: complex

    def in_photo(self, points: FloatArray) -> Float32Array:
        """Points (n, 2) of the window in the photo's pixels."""
        m, square = self.m, self.m.real * self.m.real + self.m.imag * self.m.imag
        x, y = points[:, 0].astype(np.float64) - self.t.real, points[:, 1].astype(np.float64) - self.t.imag
        real, imag = (x * m.real + y * m.imag) / square, (y * m.real - x * m.imag) / square
        return np.stack([real, imag], axis=1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Refined:
    """A face as the second detection found it.

    landmarks: float32 (5, 2), in the photo's pixels.
    aspect: width / height of its box in the window, where it is upright; NaN where it was not found again.
    """

    landmarks: Float32Array
    aspect: float


def refine(rgb: UInt8Array, landmarks: "ArrayLike", *, detector: Detector | None = None) -> Refined:
    """Better landmarks for a face that was found, and the aspect of its box.

    rgb: uint8 (H, W, 3) RGB or (H, W) grey. landmarks: (5, 2), as in Face.landmarks. They come back unchanged where
    the second detection does not find the face again. Raises InputError as `align` does.
    """
    frame = as_frame(rgb)
    first = checked_landmarks(landmarks, *frame.shape[:2])
    window = face_window(frame, first, WINDOW, FACE)
    found = (detector or default_detector()).candidates(window.planes, LEAST_SCORE)
    best = _best_in_middle(found, WINDOW)
    if best is None:
        return Refined(first.astype(np.float32), math.nan)
    points, aspect = mean_face(found, best, SAME_FACE)
    return Refined(window.in_photo(points), aspect)


def follow(rgb: UInt8Array, landmarks: "ArrayLike", *, detector: Detector | None = None) -> Face | None:
    """The face of the last frame in this one, searched around its last landmarks; None where it is not there.

    rgb: uint8 (H, W, 3) RGB or (H, W) grey. landmarks: (5, 2), as in Face.landmarks. The face's landmarks are refined
    ones. Its score is at least the default of `detect`. Raises InputError as `align` does.
    """
    frame = as_frame(rgb)
    window = face_window(frame, checked_landmarks(landmarks, *frame.shape[:2]), NEXT_WINDOW, NEXT_FACE)
    found = (detector or default_detector()).candidates(window.planes, LEAST_SCORE)
    best = _best_in_middle(found, NEXT_WINDOW)
    if best is None or found.scores[best] < MIN_SCORE:
        return None
    points = window.in_photo(mean_face(found, best, SAME_FACE)[0])
    return Face(_upright_box(found.boxes[best], window), points, float(found.scores[best]))


def face_window(frame: UInt8Array, landmarks: Float64Array, side: int, face: int) -> Window:
    """A square of `side` pixels around the face, upright by its landmarks (5, 2) and `face` pixels wide in it."""
    code = kernel.compiled_code()
    if code is not None:
        planes = np.empty((1, 3, side, side), np.float32)
        return Window(planes, *kernel.compiled.face_window(frame, landmarks, face, planes, code))
    zoom = face / FACE_OF_CROP
    m, t = fit_similarity(landmarks, TARGET)
    m, t = zoom * m, zoom * (t - MIDDLE) + complex(side / 2, side / 2)
    window = sample(frame, sampling_for(m, t), np.empty((side, side, 3), np.uint8))
    return Window(np.ascontiguousarray(window[:, :, ::-1].transpose(2, 0, 1)[None], np.float32), m, t)


def _upright_box(box: Float32Array, window: Window) -> tuple[float, float, float, float]:
    """A box of the window as an upright one of the photo: its middle brought there, its sides scaled, not turned."""
    x, y = window.in_photo((box[None, :2] + box[None, 2:]) / 2)[0]
    width, height = (box[2:] - box[:2]) / abs(window.m) / 2
    return float(x - width), float(y - height), float(x + width), float(y + height)


def _best_in_middle(found: Candidates, side: int) -> int | None:
    """The best face near the middle of a window of `side` pixels, or None."""
    if kernel.compiled_code() is not None:
        best = int(kernel.compiled.best_in_middle(found.rows(), side))
        return best if best >= 0 else None
    near = near_point(found, (side / 2, side / 2), FARTHEST * side)
    return int(near[found.scores[near].argmax()]) if near.size else None


def near_point(found: Candidates, point: tuple[float, float], farthest: float) -> IntArray:
    """Indices of the candidates whose box has its middle at most `farthest` pixels from a point (x, y)."""
    middles = ((found.boxes[:, :2] + found.boxes[:, 2:]) / 2).astype(np.float64) - point
    return np.flatnonzero((middles * middles).sum(axis=1) <= farthest * farthest)
