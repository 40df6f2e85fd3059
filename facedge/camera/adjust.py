"""Frames brought upright and to their true proportions: what --rotate and --aspect do.

A camera that hangs upside down, or a recorder that squeezes 16:9 into 4:3, gives frames in which no error rate holds
(facedge.faces.plausible). `adjusted` wraps an open camera; frames are first resized to the aspect ratio, then turned.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from facedge.camera.source import Camera, CameraEvent, Closing, Frame
from facedge.errors import InputError
from facedge.preprocessing import resize_grey
from facedge.types import Say, UInt8Array, silent

Rotation = Literal["auto", "0", "90", "180", "270"]
ROTATIONS: tuple[Rotation, ...] = get_args(Rotation)
AGREEING = 3  # frames with an upright face at the same turn that decide "auto"
MOST_ASPECT = 4.0  # of the longer side to the shorter: no camera's display is longer
SAME_ASPECT = 0.005  # frames this near to the ratio stay as they are: 1366x768 is 16:9

TRIED = (0, 180, 90, 270)  # the order in which "auto" searches: cameras hang upside down more often than sideways


@dataclass(frozen=True)
class Adjustment:
    """How frames are brought upright.

    Attributes:
        rotate: degrees clockwise, 0, 90, 180 or 270; None: decided over the first frames with a face
        aspect: width / height of a frame as it should be shown, before it is turned; None: as it comes
    """

    rotate: int | None = 0
    aspect: float | None = None


def parse_adjustment(rotate: str = "auto", aspect: str | None = None) -> Adjustment:
    """The values of --rotate (ROTATIONS) and --aspect ("16:9", "1.778"); InputError for anything else."""
    if rotate not in ROTATIONS:
        raise InputError(f"--rotate: expected one of {', '.join(ROTATIONS)}, got {rotate!r}")
    return Adjustment(None if rotate == "auto" else int(rotate), None if aspect is None else _ratio(aspect))


def _ratio(text: str) -> float:
    number = r"(\d{1,5}(?:\.\d{1,4})?)"
    match = re.fullmatch(rf"{number}(?:[:/x]{number})?", text.strip())
    width, height = (float(match[1]), float(match[2] or 1)) if match else (0.0, 0.0)
    if not (width and height and 1 / MOST_ASPECT <= width / height <= MOST_ASPECT):
        raise InputError(
            f"--aspect: expected width:height of the picture as it should look, such as 16:9, got {text!r}"
        )
    return width / height


def adjusted(camera: Camera, adjustment: Adjustment, say: Say = silent) -> Camera:
    """The camera with its frames adjusted; `say` gets one sentence when "auto" has decided."""
    return camera if adjustment == Adjustment() else AdjustedCamera(camera, adjustment, say)


class AdjustedCamera(Closing):
    """A camera whose frames are resized and turned.

    With rotate None each frame is searched at one turn, until AGREEING frames in a row show an upright face at the
    same one. Until then frames go out at the turn at which a face was upright last. So the search costs one detection
    a frame, and ends with the first person before the camera.
    """

    def __init__(self, camera: Camera, adjustment: Adjustment, say: Say = silent) -> None:
        """Wrap an open camera; closing this one closes it."""
        self._camera, self._adjustment, self._say = camera, adjustment, say
        self._rotate = adjustment.rotate or 0
        self._decided = adjustment.rotate is not None
        self._next = self._agreeing = 0

    @property
    def live(self) -> bool:
        """Whether frames come in real time."""
        return self._camera.live

    @property
    def ended(self) -> bool:
        """Whether no further frame will come."""
        return self._camera.ended

    def next(self, timeout: float = 0.5) -> Frame | None:
        """The next frame, adjusted; None as the camera gives it."""
        frame = self._camera.next(timeout)
        if frame is None:
            return None
        image = frame.image if self._adjustment.aspect is None else to_aspect(frame.image, self._adjustment.aspect)
        if not self._decided:
            self._try(image)
        return replace(frame, image=np.ascontiguousarray(turned(image, self._rotate)))

    def events(self) -> list[CameraEvent]:
        """The events of the source since the last call."""
        return self._camera.events()

    def close(self) -> None:
        """Release the source."""
        self._camera.close()

    def _try(self, image: UInt8Array) -> None:
        """Search one frame at one turn; the next frame is searched at another one where no face is upright here."""
        from facedge.faces.crop import find_crop  # late: it loads the detector
        from facedge.faces.options import FaceOptions

        degrees = TRIED[self._next]
        if find_crop(turned(image, degrees), FaceOptions(turn=False), aligned=False).crop is None:
            self._next, self._agreeing = (self._next + 1) % len(TRIED), 0
            return
        self._rotate, self._agreeing = degrees, self._agreeing + 1
        self._decided = self._agreeing == AGREEING
        if self._decided:
            does = (
                f"turns its pictures clockwise by {degrees} degrees" if degrees else "leaves its pictures as they are"
            )
            self._say(f"the camera's first faces decide: --rotate auto {does} (--rotate {degrees})")


def turned(image: UInt8Array, degrees: int) -> UInt8Array:
    """The image turned clockwise by 0, 90, 180 or 270 degrees; a view."""
    return np.rot90(image, -degrees // 90) if degrees else image


def to_aspect(image: UInt8Array, ratio: float) -> UInt8Array:
    """The image, uint8 (H, W, 3), brought to W / H = `ratio` by lengthening the shorter side: no detail is lost."""
    height, width = image.shape[:2]
    if abs(width / height / ratio - 1) <= SAME_ASPECT:
        return image
    size = (height, round(height * ratio)) if width < height * ratio else (round(width / ratio), width)
    planes = np.ascontiguousarray(image.transpose(2, 0, 1))[..., None]
    return np.ascontiguousarray(resize_grey(planes, size).transpose(1, 2, 0))
