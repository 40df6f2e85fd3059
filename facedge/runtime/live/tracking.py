"""The face from frame to frame: found once, then followed, for a third of the time that finding takes."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facedge.runtime.locate import Located, follow, locate

if TYPE_CHECKING:
    from facedge.detection import Policy

FOLLOWED = 7  # frames between two looks at the whole frame: a third of a second at 25 frames/s


class Tracker:
    """Where the face is, frame after frame.

    faces: which of several counts. Whether there is "only" one, the whole frame tells, every time; the other policies
    choose anew with each look at the whole frame. Who it is, is asked in every frame, followed or not.
    """

    def __init__(self, faces: "Policy" = "largest", *, followed: int = FOLLOWED, min_face: float | None = None) -> None:
        """followed: frames in a row that may be followed instead of searched; 0 searches all of them.

        min_face: as in `locate`.
        """
        self._faces, self._min_face = faces, min_face
        self._most = 0 if faces == "only" else followed
        self._since = 0
        self._last: Located | None = None

    def locate(self, image: NDArray[np.uint8]) -> Located:
        """The face in the next frame, uint8 RGB (H, W, 3) or grey (H, W)."""
        found = follow(image, self._last) if self._last is not None and self._since < self._most else None
        self._since = 0 if found is None else self._since + 1
        self._last = found or locate(image, faces=self._faces, aligned=False, min_face=self._min_face)
        return self._last

    def forget(self) -> None:
        """The next frame has nothing to do with the last."""
        self._last = None
