"""The pose of a face from its five landmarks: yaw, and the distance between the eyes."""

import numpy as np


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
