"""Is this frame good enough to enroll with, and if not, what should the person do?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedge.preprocessing import resize_grey

# Measured on 600 CelebA crops: the blurriest 1 % has a sharpness of 0.28, a Gaussian blur of 2 pixels brings the median
# to 0.18 and one of 3 pixels to 0.11; the darkest has a mean of 45 grey levels.
LEAST_SHARPNESS = 0.15
LEAST_BRIGHTNESS, MOST_BRIGHTNESS = 40.0, 220.0  # grey levels of the face's middle
LEAST_CONTRAST = 12.0  # grey levels
LEAST_EYES = 24.0  # pixels between the eyes: what the network sees of a face has 20
MOST_YAW = 0.5  # of the distance between the eyes; a face turned until the far eye's corner disappears has about 0.5
HALF = (109, 89)  # the crop at half scale, as half of CelebA comes
MIDDLE = (slice(30, 95), slice(12, 77))  # of it: the face without hair and background

ADVICE = {
    "no_face": "look into the camera: no face found",
    "many_faces": "one person at a time, please",
    "far": "come closer",
    "dark": "more light",
    "bright": "less light",
    "blurred": "hold still",
    "turned": "turn back to the camera",
    "low_quality": "more light, and the whole face in the picture",
}


@dataclass(frozen=True)
class Measures:
    """Of one face: sharpness, brightness and contrast of its crop; eyes (pixels apart) and yaw where landmarks are."""

    sharpness: float
    brightness: float
    contrast: float
    eyes: float | None
    yaw: float | None


def measure(crop: NDArray[np.uint8], landmarks: tuple[tuple[float, float], ...] | None) -> Measures:
    """The measures of an aligned crop uint8 (H, W, 3) or (H, W), and of its landmarks in the photo.

    sharpness is the deviation of the Laplacian over the deviation of the grey levels, at half scale: without unit, and
    the same in dim and bright light (after J. L. Pech-Pacheco et al., "Diatom autofocusing", ICPR 2000).
    """
    face = resize_grey(crop, HALF)[0][MIDDLE].astype(np.float64)
    inner = face[1:-1, 1:-1]
    laplacian = 4 * inner - face[:-2, 1:-1] - face[2:, 1:-1] - face[1:-1, :-2] - face[1:-1, 2:]
    contrast = float(face.std())
    eyes, turned = (eye_distance(landmarks), yaw(landmarks)) if landmarks is not None else (None, None)
    return Measures(float(laplacian.std()) / max(contrast, 1.0), float(face.mean()), contrast, eyes, turned)


def fault(found: Measures) -> str | None:
    """The first thing to mend, a key of ADVICE, or None where the frame is good."""
    if found.eyes is not None and found.eyes < LEAST_EYES:
        return "far"
    if found.brightness > MOST_BRIGHTNESS:
        return "bright"
    if found.brightness < LEAST_BRIGHTNESS or found.contrast < LEAST_CONTRAST:
        return "dark"
    if found.sharpness < LEAST_SHARPNESS:
        return "blurred"
    if found.yaw is not None and abs(found.yaw) > MOST_YAW:
        return "turned"
    return None


def eye_distance(landmarks: tuple[tuple[float, float], ...]) -> float:
    """Pixels between the eyes."""
    left, right = np.array(landmarks[0]), np.array(landmarks[1])
    return float(np.hypot(*(right - left)))


def yaw(landmarks: tuple[tuple[float, float], ...]) -> float:
    """How far the nose lies beside the middle of the eyes, in eye distances, along the line of the eyes.

    0 is straight ahead, positive towards the image's right: the person's own left in a picture that is not mirrored.
    """
    left, right, nose = (np.array(point) for point in landmarks[:3])
    across = right - left
    length = float(across @ across)
    return float((nose - (left + right) / 2) @ across) / length if length > 0 else 0.0
