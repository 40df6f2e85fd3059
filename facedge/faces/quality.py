"""Quality of a face image: contrast, brightness, blur, eye distance and yaw, with the limits that refuse one.

Two gates use these measures. `too_poor` refuses to score a network input that is almost flat. `fault` refuses a photo
or frame for enrollment, and tells a camera's user what to change (ADVICE).
"""

import math
from dataclasses import dataclass

import numpy as np

from facedge.faces.align import as_frame
from facedge.faces.pose import eye_distance, yaw
from facedge.preprocessing import kernel, resize_grey
from facedge.types import Float32Array, Int64Array, UInt8Array

# Grey levels of a network input; the flattest of 1,500 random CelebA faces has 21, a covered lens about 2.
LEAST_INPUT_CONTRAST = 8.0
HALF_RANGE = 127.5  # grey levels in one unit of the network's input

# Measured on 600 CelebA crops: the blurriest 1 % has a sharpness of 0.28, a Gaussian blur of 2 pixels brings the median
# to 0.18 and one of 3 pixels to 0.11; the darkest has a mean of 45 grey levels.
LEAST_SHARPNESS = 0.15
LEAST_BRIGHTNESS, MOST_BRIGHTNESS = 40.0, 220.0  # mean grey level of the face
LEAST_CONTRAST = 12.0  # standard deviation of the face in grey levels
LEAST_EYES = 24.0  # pixels between the eyes: in the network's input they are 20 apart
MOST_YAW = 0.5  # eye distances; a face turned until the far eye's corner disappears has about 0.5
HALF = (109, 89)  # the crop at half scale, as half of CelebA comes
FACE = (slice(30, 95), slice(12, 77))  # of it: the face without hair and background

ADVICE = {
    "no_face": "look into the camera: no face found",
    "many_faces": "one person at a time, please",
    "far": "come closer",
    "dark": "more light",
    "bright": "less light",
    "blurred": "hold still",
    "turned": "turn back to the camera",
    "low_quality": "more light, and the whole face in the picture",
    "rotated": "hold the head upright, or turn the picture upright (a camera: --rotate 180)",
    "distorted": "the picture is squeezed or stretched: use its true proportions (a camera: --aspect 16:9)",
}


@dataclass(frozen=True)
class Measures:
    """Quality of one face image.

    Attributes:
        sharpness: without unit, see `measure`
        brightness: mean grey level of the face, 0 to 255
        contrast: standard deviation of its grey levels
        eyes: pixels between the eyes in the photo; None where the photo came aligned
        yaw: see `yaw`; None like `eyes`
    """

    sharpness: float
    brightness: float
    contrast: float
    eyes: float | None
    yaw: float | None


def measure(crop: UInt8Array, landmarks: tuple[tuple[float, float], ...] | None) -> Measures:
    """The measures of an aligned crop uint8 (H, W, 3) or (H, W), and of its five landmarks (x, y) in the photo.

    Sharpness (the measure of blur) is the deviation of the Laplacian over the deviation of the grey levels, at half
    scale: the same in dim and bright light (after J. L. Pech-Pacheco et al., "Diatom autofocusing", ICPR 2000).
    """
    code = kernel.compiled_code()
    compiled = None if code is None else kernel.compiled.measure(as_frame(crop), code)
    sharpness, brightness, contrast = compiled or _figures(crop)
    eyes, turned = (eye_distance(landmarks), yaw(landmarks)) if landmarks is not None else (None, None)
    return Measures(sharpness, brightness, contrast, eyes, turned)


def _figures(crop: UInt8Array) -> tuple[float, float, float]:
    """Sharpness, brightness and contrast."""
    face = resize_grey(crop, HALF)[0][FACE].astype(np.int64)
    inner = face[1:-1, 1:-1]
    laplacian = 4 * inner - face[:-2, 1:-1] - face[2:, 1:-1] - face[1:-1, :-2] - face[1:-1, 2:]
    contrast = _deviation(face)
    return _deviation(laplacian) / max(contrast, 1.0), int(face.sum()) / face.size, contrast


def _deviation(values: Int64Array) -> float:
    """The standard deviation of integers: from exact sums, and so the same on every machine."""
    return math.sqrt(values.size * int((values * values).sum()) - int(values.sum()) ** 2) / values.size


def fault(found: Measures) -> str | None:
    """The first measure outside its limits, as a key of ADVICE; None where the image is good enough to enroll with."""
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


def input_contrast(tensor: Float32Array) -> float:
    """The standard deviation of a network input float32 (1, 1, S, S), in grey levels: `quality` of verifier.onnx."""
    return float(tensor.std()) * HALF_RANGE


def too_poor(tensor: Float32Array) -> bool:
    """Whether a network input float32 (1, 1, S, S) is so flat (dark, white, covered) that a score would rate noise.

    True also where the input is not finite.
    """
    return not input_contrast(tensor) >= LEAST_INPUT_CONTRAST
