"""A second, closer look at a found face: landmarks that follow a tilted head.

YuNet draws landmarks towards an upright face while that face is small in its input: of a head tilted by 15 degrees it
reports 4 at 60 pixels, and 14 at 150 (benchmarks/detection.py). So the face is shown to it once more, turned upright
as far as the first look knew, 150 pixels wide; the landmarks of all cells that see it are averaged. In the next frame
of a video that look alone finds the face again, where it was or near by.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facedge.alignment._sample import as_frame, sample
from facedge.alignment.similarity import TARGET, checked_landmarks, fit_similarity, sampling_for
from facedge.detection import MIN_SCORE, Detector, Face, default_detector
from facedge.detection.decode import Candidates, consensus

WINDOW = 256  # pixels on a side of what the network sees
FACE = 150  # pixels of the window that a face is wide
FACE_OF_CROP = 84  # pixels of the aligned crop that a face is wide
# A face that is followed is upright already, as far as its last landmarks knew: less will do, at half the time. On a
# video its cosine to the person's mean is 0.906, with the window above 0.908, found anew in every frame 0.909.
NEXT_WINDOW, NEXT_FACE = 160, 120
MIDDLE = complex(88, 126)  # of the face in the crop, brought to the middle of the window
LEAST_SCORE = 0.3
SAME_FACE = 0.5  # IoU
FARTHEST = (
    1 / 5
)  # of the window's side, that the face's middle may lie from the window's; what is farther is another face


@dataclass(frozen=True)
class Window:
    """A square of the photo, turned and scaled: m z + t brings the photo's point z = x + iy into it."""

    planes: npt.NDArray[np.float32]
    m: complex
    t: complex

    def in_photo(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Points (n, 2) of the window in the photo's pixels."""
        found = (points[:, 0] + 1j * points[:, 1] - self.t) / self.m
        return np.stack([found.real, found.imag], axis=1).astype(np.float32)


def refine(
    rgb: npt.NDArray[np.uint8], landmarks: npt.ArrayLike, *, detector: Detector | None = None
) -> npt.NDArray[np.float32]:
    """Better landmarks for a face that was found: float32 (5, 2), in the photo's pixels.

    rgb: uint8 (H, W, 3) RGB or (H, W) grey. landmarks: (5, 2), as in Face.landmarks. They come back as they are
    where the second look does not find the face again. Raises InputError as `align` does.
    """
    frame = as_frame(rgb)
    first = checked_landmarks(landmarks, *frame.shape[:2])
    window = _window(frame, first, WINDOW, FACE)
    found = (detector or default_detector()).candidates(window.planes, LEAST_SCORE)
    best = _in_the_middle(found, WINDOW)
    return first.astype(np.float32) if best is None else window.in_photo(consensus(found, best, SAME_FACE))


def follow(rgb: npt.NDArray[np.uint8], landmarks: npt.ArrayLike, *, detector: Detector | None = None) -> Face | None:
    """The face of the last frame in this one, looked for around its last landmarks; None where it is not there.

    rgb: uint8 (H, W, 3) RGB or (H, W) grey. landmarks: (5, 2), as in Face.landmarks. The face's landmarks are refined
    ones. It is held to the score that `detect` asks for. Raises InputError as `align` does.
    """
    frame = as_frame(rgb)
    window = _window(frame, checked_landmarks(landmarks, *frame.shape[:2]), NEXT_WINDOW, NEXT_FACE)
    found = (detector or default_detector()).candidates(window.planes, LEAST_SCORE)
    best = _in_the_middle(found, NEXT_WINDOW)
    if best is None or found.scores[best] < MIN_SCORE:
        return None
    points = window.in_photo(consensus(found, best, SAME_FACE))
    return Face(_upright_box(found.boxes[best], window), points, float(found.scores[best]))


def _window(frame: npt.NDArray[np.uint8], landmarks: npt.NDArray[np.float64], side: int, face: int) -> Window:
    """A square of `side` pixels around the face, which is `face` pixels wide in it."""
    zoom = face / FACE_OF_CROP
    m, t = fit_similarity(landmarks, TARGET)
    m, t = zoom * m, zoom * (t - MIDDLE) + complex(side / 2, side / 2)
    window = sample(frame, sampling_for(m, t), np.empty((side, side, 3), np.uint8))
    return Window(np.ascontiguousarray(window[:, :, ::-1].transpose(2, 0, 1)[None], np.float32), m, t)


def _upright_box(box: npt.NDArray[np.float32], window: Window) -> tuple[float, float, float, float]:
    """A box of the window as an upright one of the photo: its middle brought there, its sides scaled, not turned."""
    x, y = window.in_photo((box[None, :2] + box[None, 2:]) / 2)[0]
    width, height = (box[2:] - box[:2]) / abs(window.m) / 2
    return float(x - width), float(y - height), float(x + width), float(y + height)


def _in_the_middle(found: Candidates, side: int) -> int | None:
    """The best face near the middle of a window of `side` pixels, or None."""
    middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    near = np.flatnonzero(np.hypot(*(middles - side / 2).T) <= FARTHEST * side)
    return int(near[found.scores[near].argmax()]) if near.size else None
