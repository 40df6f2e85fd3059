"""A second, closer look at a found face: landmarks that follow a tilted head.

YuNet draws landmarks towards an upright face while that face is small in its input: of a head tilted by 15 degrees it
reports 4 at 60 pixels, and 14 at 150 (benchmarks/detection.py). So the face is shown to it once more, turned upright
as far as the first look knew, 150 pixels wide; the landmarks of all cells that see it are averaged.
"""

import numpy as np
import numpy.typing as npt

from facedge.alignment._sample import as_frame, sample
from facedge.alignment.similarity import TARGET, checked_landmarks, fit_similarity, sampling_for
from facedge.detection import Detector, default_detector
from facedge.detection.decode import Candidates, consensus

WINDOW = 256  # pixels on a side of what the network sees
ZOOM = 150 / 84  # window pixels per crop pixel: a face is 84 pixels wide in the crop
MIDDLE = complex(88, 126)  # of the face in the crop, brought to the middle of the window
LEAST_SCORE = 0.3
SAME_FACE = 0.5  # IoU
FARTHEST = WINDOW / 5  # that the face's middle may lie from the window's; what is farther is another face


def refine(
    rgb: npt.NDArray[np.uint8], landmarks: npt.ArrayLike, *, detector: Detector | None = None
) -> npt.NDArray[np.float32]:
    """Better landmarks for a face that was found: float32 (5, 2), in the photo's pixels.

    rgb: uint8 (H, W, 3) RGB or (H, W) grey. landmarks: (5, 2), as in Face.landmarks. They come back as they are
    where the second look does not find the face again. Raises InputError as `align` does.
    """
    frame = as_frame(rgb)
    first = checked_landmarks(landmarks, *frame.shape[:2])
    m, t = fit_similarity(first, TARGET)
    m, t = ZOOM * m, ZOOM * (t - MIDDLE) + complex(WINDOW / 2, WINDOW / 2)
    window = sample(frame, sampling_for(m, t), np.empty((WINDOW, WINDOW, 3), np.uint8))
    planes = np.ascontiguousarray(window[:, :, ::-1].transpose(2, 0, 1)[None], np.float32)
    found = (detector or default_detector()).candidates(planes, LEAST_SCORE)
    points = _landmarks_in_the_middle(found)
    if points is None:
        return first.astype(np.float32)
    in_photo = (points[:, 0] + 1j * points[:, 1] - t) / m
    return np.stack([in_photo.real, in_photo.imag], axis=1).astype(np.float32)


def _landmarks_in_the_middle(found: Candidates) -> npt.NDArray[np.float32] | None:
    """The landmarks (5, 2) of the best face near the middle of the window, or None."""
    middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    near = np.flatnonzero(np.hypot(*(middles - WINDOW / 2).T) <= FARTHEST)
    if not near.size:
        return None
    best = near[found.scores[near].argmax()]
    return consensus(found, int(best), SAME_FACE)
