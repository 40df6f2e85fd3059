"""Tracking the face from frame to frame: detected once, then followed for a third of the detection's time."""

from dataclasses import replace

from facedge.faces.crop import FaceCrop, find_crop, follow_crop
from facedge.faces.options import FaceOptions
from facedge.types import UInt8Array

FOLLOWED = 7  # frames between two detections in the whole frame: a third of a second at 25 frames/s


class Tracker:
    """Where the face is, frame after frame.

    options: which of several faces counts. Under the policy "only", every frame is searched whole, since a second face
    may come at any time; the other policies choose anew with each detection. The identity is verified in every frame,
    followed or not.
    """

    def __init__(self, options: FaceOptions, *, followed: int = FOLLOWED) -> None:
        """followed: frames in a row that may be followed instead of searched; 0 searches all of them."""
        self._options = replace(options, turn=False)
        self._most = 0 if options.policy == "only" else followed
        self._since = 0
        self._last: FaceCrop | None = None

    def locate(self, image: UInt8Array) -> FaceCrop:
        """The face in the next frame, uint8 RGB (H, W, 3) or grey (H, W)."""
        found = follow_crop(image, self._last) if self._last is not None and self._since < self._most else None
        self._since = 0 if found is None else self._since + 1
        self._last = found or find_crop(image, self._options, aligned=False)
        return self._last

    def forget(self) -> None:
        """Search the next frame whole, without regard to the last."""
        self._last = None
