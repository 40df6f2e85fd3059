"""Open frame sources: every frame of a recording, or the newest frame of a live camera.

    with open_camera("0") as camera:
        while (frame := camera.next()) is not None or not camera.ended:
            ...

Of a live source a thread keeps the newest frame only, so a slow model never builds a queue, and it is reopened when it
was lost; a recording gives every frame.
"""

import threading
import time
from collections.abc import Callable
from typing import Literal

from facedge.camera.capture_backends import open_reader
from facedge.camera.capture_thread import Capture, Open, picture_fault
from facedge.camera.source import Camera, CameraEvent, Closing, Frame, Reader, Source, parse_source
from facedge.errors import CameraError, FacedgeError
from facedge.types import UInt8Array

IMAGE_RATE = 25.0  # frames a second of an image sequence, which has no rate of its own
GIVE_UP = 60.0  # seconds
FIRST_DELAY, MAX_DELAY = 0.5, 30.0  # seconds between attempts to reopen a source: exponential backoff
STALL = 15.0  # seconds without a usable frame; OpenCV itself returns after 10 from a device and after 5 from a URL
MOST_ABANDONED = 4  # threads in calls that hang: each may hold the memory of a backend
CLOSING = 0.5  # seconds to wait for a thread when the camera is closed


def open_camera(text: str, *, give_up: float = GIVE_UP) -> Camera:
    """Open a frame source.

    Args:
        text: 0 (the first device), /dev/video0, a video file, a folder or numbered pattern (f%04d.png) of images, an
            http, https or rtsp URL, picamera. A file may name a part of itself in seconds: clip.mp4#t=3 or #t=0,3
        give_up: seconds without a usable frame of a live source, before CameraError

    Raises:
        CameraError: where it cannot be opened
        MissingDependencyError: where its backend is not installed
    """
    source = parse_source(text)
    if source.kind in ("file", "images"):
        return FileCamera(source, open_reader(source))
    return LiveCamera(source, open_reader, give_up=give_up)


class FileCamera(Closing):
    """A recording: every frame between the source's start and end, in seconds, the same frames every time."""

    live = False

    def __init__(self, source: Source, reader: Reader) -> None:
        """Take over an open reader."""
        self._source, self._reader = source, reader
        self._rate = reader.rate or IMAGE_RATE
        self._number = 0
        self.ended = False

    def next(self, timeout: float = 0.5) -> Frame | None:
        """The next frame; None at the end. A file is read without waiting, so `timeout` is not used."""
        while not self.ended:
            image = self._reader.read()
            seconds = self._number / self._rate
            if image is None or seconds >= self._source.end:
                self.close()
                break
            self._number += 1
            if seconds >= self._source.start:
                return Frame(image, self._number - 1, seconds)
        return None

    def events(self) -> list[CameraEvent]:
        """None: a file is not lost."""
        return []

    def close(self) -> None:
        """Close the file."""
        self.ended = True
        self._reader.close()


class LiveCamera(Closing):
    """The newest frame of a live source. `next` gives no frame twice, and no old one while a newer one waits.

    A source is lost when its capture call hangs, fails or raises, or when for STALL seconds no frame comes, or only
    black ones or the same. It is then reopened with exponential backoff until it delivers; a call that hangs is
    abandoned in its thread. `next` does this as well, so it must be called again and again.
    """

    live = True

    def __init__(
        self,
        source: Source,
        open_reader: Open,
        *,
        give_up: float = GIVE_UP,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the source, so that a missing camera raises CameraError from here."""
        self._source, self._open, self._give_up, self._clock = source, open_reader, give_up, clock
        self._stall = min(STALL, max(give_up, 1.0))
        self._ready = threading.Condition()
        self._events: list[CameraEvent] = []
        self._last: UInt8Array | None = None
        self._delivered = 0
        self._lost, self._reason, self._delay, self._retry_at = False, "", FIRST_DELAY, 0.0
        self._abandoned: list[Capture] = []
        self.ended = False
        self._capture: Capture | None = Capture(source, open_reader, self._ready, clock)
        self._wait_until_open(self._capture)
        self._opened_at = self._usable_at = self._back_at = self._started_at = clock()

    def next(self, timeout: float = 0.5) -> Frame | None:
        """The newest frame that was not given yet, waited for at most `timeout` seconds.

        Raises CameraError once there was no usable frame for `give_up` seconds.
        """
        if self.ended:
            return None
        if self._capture is None:
            timeout = min(timeout, max(0.0, self._retry_at - self._clock()))
        with self._ready:
            self._ready.wait_for(lambda: self.ended or (self._capture is not None and self._capture.has_news), timeout)
            taken = self._capture.take() if self._capture is not None else None
        now = self._clock()
        frame = self._judged(*taken, now) if taken is not None else None
        self._supervise(now)
        return frame

    def events(self) -> list[CameraEvent]:
        """The events of the source since the last call."""
        found, self._events = self._events, []
        return found

    def close(self) -> None:
        """Release the source; a thread in a backend that hangs ends with the process."""
        self.ended = True
        with self._ready:
            self._ready.notify_all()
        if self._capture is not None:
            self._capture.abandon(CLOSING)

    def _wait_until_open(self, capture: Capture) -> None:
        """Raise what the opening raised, or CameraError where it does not end within STALL seconds."""
        with self._ready:
            self._ready.wait_for(lambda: capture.opened or capture.ended, STALL)
        if capture.opened:
            return
        capture.abandon()
        shown = self._source.shown
        if not capture.ended:
            raise CameraError(f"{shown} does not open within {STALL:g} s: unplug it, or end the program that uses it")
        if isinstance(capture.error, FacedgeError):
            raise capture.error
        raise CameraError(f"{shown} does not open ({capture.reason}): check it with `facedge cameras`")

    def _judged(self, image: UInt8Array, number: int, came: float, now: float) -> Frame | None:
        """The frame; None for a black or repeated one while the source is lost."""
        fault, self._last = picture_fault(image, self._last), image
        if fault:
            self._reason = f"{fault} for {now - max(self._usable_at, self._started_at):.0f} s"
            if self._lost:
                return None
        else:
            self._usable_at, self._reason = now, ""
            if self._lost:
                self._lost, self._back_at = False, now
                self._report("back", "is back")
        skipped, self._delivered = number - self._delivered, number + 1
        return Frame(image, number, came - self._opened_at, skipped)

    def _supervise(self, now: float) -> None:
        """Notice that the source is lost, reopen it when it is time, and give up in the end."""
        capture = self._capture
        if capture is not None and capture.ended and not capture.has_frame:
            self._lose(capture, capture.reason, now)
        elif capture is not None and now - max(self._usable_at, self._started_at) >= self._stall:
            self._lose(capture, self._reason or f"no frame for {self._stall:g} s", now)
        elif capture is None and now >= self._retry_at:
            self._reopen(now)
        if self._lost and now - self._usable_at >= self._give_up:
            self.close()
            raise CameraError(
                f"{self._source.shown} gave no usable frame for {self._give_up:g} s ({self._reason}): check its cable "
                "and power, and that no other program uses it"
            )

    def _lose(self, capture: Capture, reason: str, now: float) -> None:
        """Abandon the capture, and set the time of the next one."""
        capture.abandon()
        self._abandoned.append(capture)
        self._capture, self._reason = None, reason
        if not self._lost:
            self._lost = True
            self._report("lost", f"was lost: {reason}", reason=reason)
            if now - self._back_at >= MAX_DELAY:  # otherwise it comes and goes, and the delays go on growing
                self._delay = FIRST_DELAY
        self._wait(now)

    def _wait(self, now: float) -> None:
        what = f"trying again in {self._delay:g} s ({self._reason})"
        self._report("waiting", what, delay=self._delay, reason=self._reason)
        self._retry_at, self._delay = now + self._delay, min(2 * self._delay, MAX_DELAY)

    def _reopen(self, now: float) -> None:
        """Open the source anew, unless too many calls hang already."""
        self._abandoned = [capture for capture in self._abandoned if capture.running]
        if len(self._abandoned) >= MOST_ABANDONED:
            self._reason = f"{MOST_ABANDONED} capture calls hang"
            self._wait(now)
            return
        self._started_at = now  # the last frame stays, so that a frozen picture is the same after reopening
        self._capture = Capture(self._source, self._open, self._ready, self._clock, self._delivered)

    def _report(
        self, kind: Literal["lost", "waiting", "back"], what: str, delay: float = 0.0, reason: str | None = None
    ) -> None:
        self._events.append(CameraEvent(kind, f"{self._source.shown}: {what}", delay, reason))
