"""The parallax of the nose over a turn: evidence that what turns is a head, and no photo that is bent or folded.

Paper can be bent and folded but not bulged: through every point of it runs a direction in which it stays straight (a
developable surface). So when a photo turns, the nose stays in line with what is above and below it, or with what is
beside it. The nose of a head leaves both lines.

The movement sideways from the straight face to the turned one is modelled as f(across) + g(along) + twist * across *
along + parallax * nose, with f and g piecewise linear and `nose` a bump over the nose. The first terms take what a
bent, folded or tilted photo does, so the last one is what paper cannot show.
"""

import math

import numpy as np

from facedge.faces.motion import ACROSS, ALONG, MotionModel, even_light, fit_motion, hats
from facedge.faces.quality import HALF
from facedge.types import UInt8Array

KNOTS_ACROSS = (-1.1, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.1)  # eye distances from the middle of the face
KNOTS_ALONG = (-0.7, -0.2, 0.3, 0.6, 0.9, 1.2, 1.6)  # and from the eyes downwards
NOSE = np.exp(-((ACROSS / 0.2) ** 2 + ((ALONG - 0.5) / 0.28) ** 2) / 2)
DAMPING = 2.0  # of all but the parallax; the weights of pixels with texture sum up to thousands
TURNED, FARTHEST = 0.08, 0.4  # change of yaw between which a frame counts: less shows little, more hides a cheek

_SIDEWAYS = np.stack([NOSE, ACROSS * ALONG, *hats(ACROSS, KNOTS_ACROSS), *hats(ALONG, KNOTS_ALONG)[1:]])
_UPRIGHT = np.stack([np.ones(HALF), ACROSS, ALONG, ACROSS * ALONG])
_WEIGHTS = len(_SIDEWAYS) + len(_UPRIGHT)
MODEL = MotionModel(_SIDEWAYS, _UPRIGHT, np.array([0.0, *[DAMPING] * (_WEIGHTS - 1)]))


class Parallax:
    """Compares the frames of a turn with a straight one, the first.

    crop  the aligned face, uint8 (H, W, 3) or (H, W)
    yaw   as facedge.faces.pose.yaw
    """

    def __init__(self, crop: UInt8Array, yaw: float) -> None:
        """Begin a turn."""
        self._straight, self._yaw = even_light(crop), yaw
        self._weights = np.zeros(_WEIGHTS)
        self._found: list[tuple[float, float]] = []  # change of yaw, parallax

    def add(self, crop: UInt8Array, yaw: float) -> None:
        """The next frame of the turn; each is searched from the motion of the one before."""
        self._weights = fit_motion(MODEL, self._straight, even_light(crop), self._weights).weights
        if TURNED <= abs(yaw - self._yaw) <= FARTHEST:
            self._found.append((yaw - self._yaw, float(self._weights[0])))

    @property
    def slope(self) -> float:
        """Eye distances that the nose moves against its surroundings for each that it moves against the eyes.

        Least squares over the frames that are turned; NaN without one.
        """
        squares = sum(turn * turn for turn, _ in self._found)
        return sum(turn * moved for turn, moved in self._found) / squares if squares > 0 else math.nan
