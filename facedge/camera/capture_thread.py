"""One opening of a live source: a thread that opens it, keeps its newest frame, and releases it.

A backend's call may hang for ever and cannot be interrupted from outside. So open, read and close happen in the thread
alone; whoever waits for it abandons it, and it releases the source when the call returns after all.
"""

import contextlib
import threading
from collections.abc import Callable

import numpy as np

from facedge.camera.source import Reader, Source
from facedge.types import UInt8Array

GRID = 16  # rows and columns between the pixels that tell a picture without content
FLAT = 2  # grey levels
LONGEST_REASON = 200  # characters of a backend's message

Open = Callable[[Source], Reader]


class Capture:
    """Frames of a source, read in a thread of its own until it fails or is abandoned.

    Args:
        ready: notified when a frame came, or the thread ended
        clock: gives the seconds of each frame
        first: the number of the first frame
    """

    def __init__(
        self, source: Source, open_reader: Open, ready: threading.Condition, clock: Callable[[], float], first: int = 0
    ) -> None:
        """Start to open the source."""
        self._source, self._open, self._ready, self._clock = source, open_reader, ready, clock
        self._abandoned = False
        self._newest: tuple[UInt8Array, int, float] | None = None
        self._number = first
        self.opened = self.ended = False
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="facedge-camera", daemon=True)
        self._thread.start()

    @property
    def has_news(self) -> bool:
        """Whether a frame waits, or the thread ended."""
        return self.has_frame or self.ended

    @property
    def has_frame(self) -> bool:
        """Whether a frame waits that was not taken."""
        return self._newest is not None

    @property
    def running(self) -> bool:
        """Whether the thread runs, perhaps in a call that hangs."""
        return self._thread.is_alive()

    @property
    def reason(self) -> str:
        """Why it ended, in one line and without the password of a URL."""
        if self.error is None:
            return "no frame came"
        text = " ".join(str(self.error).replace(self._source.place, self._source.shown).split())
        text = text or type(self.error).__name__
        return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 3] + "..."

    def take(self) -> tuple[UInt8Array, int, float] | None:
        """The newest frame that was not taken, its number, and when it came; `ready` is held."""
        found, self._newest = self._newest, None
        return found

    def abandon(self, wait: float = 0.0) -> None:
        """Have the thread release the source and end; waits at most `wait` seconds for that."""
        self._abandoned = True
        if wait:
            self._thread.join(wait)

    def _run(self) -> None:
        reader: Reader | None = None
        try:
            reader = self._open(self._source)
            self._tell(opened=True)
            while not self._abandoned and (image := reader.read()) is not None:
                self._put(_checked(image))
        except Exception as problem:  # whatever a backend raises, the source is lost and not the program
            self.error = problem.with_traceback(None)  # which holds this frame: a cycle that keeps reader and image
        finally:
            if reader is not None:
                with contextlib.suppress(Exception):
                    reader.close()
            self._tell(ended=True)

    def _put(self, image: UInt8Array) -> None:
        with self._ready:
            self._newest = (image, self._number, self._clock())
            self._number += 1
            self._ready.notify_all()

    def _tell(self, *, opened: bool = False, ended: bool = False) -> None:
        with self._ready:
            self.opened, self.ended = self.opened or opened, self.ended or ended
            self._ready.notify_all()


def picture_fault(image: UInt8Array, before: UInt8Array | None) -> str:
    """Why a frame, uint8 RGB (H, W, 3), is no new picture: "black frames", "the same frame"; "" where it is one.

    Black: on a grid of every 16th pixel no channel spans more than 2 grey levels. That holds for empty buffers of any
    colour and not for a dark room: of 620 frames of two videos the least span was 198, and 3 when darkened to 2 % of
    their brightness. The same: each pixel equals the frame before; of those 620 frames none did.
    """
    grid = image[::GRID, ::GRID].reshape(-1, 3)
    if int((grid.max(0) - grid.min(0)).max()) <= FLAT:
        return "black frames"
    if before is None or before.shape != image.shape:
        return ""
    alike = np.array_equal(grid, before[::GRID, ::GRID].reshape(-1, 3)) and np.array_equal(image, before)
    return "the same frame" if alike else ""


def _checked(image: UInt8Array) -> UInt8Array:
    """The image; ValueError for one that is no picture, such as an empty buffer of a failing driver."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"expected frames of uint8 (H, W, 3), got {image.dtype} {image.shape}")
    return image
