"""Open frame sources: every frame of a recording, or the newest frame of a live camera.

    with open_camera("0") as camera:
        while (frame := camera.next()) is not None or not camera.ended:
            ...

Of a live source a thread keeps the newest frame only, so a slow model never builds a queue, and reopens the source
when it was lost; a recording gives every frame.
"""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from facedge.camera.readers import open_reader
from facedge.camera.source import Camera, CameraEvent, Frame, Reader, Source, parse_source
from facedge.errors import CameraError
from facedge.types import UInt8Array

IMAGE_RATE = 25.0  # frames a second of an image sequence, which has no rate of its own
GIVE_UP = 60.0  # seconds
FIRST_DELAY, MAX_DELAY = 0.5, 10.0  # seconds between attempts to reopen a source: exponential backoff

Open = Callable[[Source], Reader]


def open_camera(text: str, *, give_up: float = GIVE_UP) -> Camera:
    """Open a frame source.

    text     0 (the first device), /dev/video0, a video file, a folder or numbered pattern (f%04d.png) of images, an
             http, https or rtsp URL, picamera. A file may name a part of itself in seconds: clip.mp4#t=3 or #t=0,3
    give_up  seconds to wait for a live source that was lost, before CameraError

    Raises CameraError where it cannot be opened, MissingDependencyError where its backend is not installed.
    """
    source = parse_source(text)
    if source.kind in ("file", "images"):
        return FileCamera(source, open_reader(source))
    return LiveCamera(source, open_reader, give_up=give_up)


class _Closing:
    """Closes a camera at the end of a `with` block."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        """The camera itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


class FileCamera(_Closing):
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


class LiveCamera(_Closing):
    """The newest frame of a live source. `next` gives no frame twice, and no old one while a newer one waits."""

    live = True

    def __init__(self, source: Source, open_reader: Open, *, give_up: float = GIVE_UP) -> None:
        """Open the source here, so that a missing camera raises CameraError from here; then read it in a thread."""
        self._source, self._open, self._give_up = source, open_reader, give_up
        self._reader: Reader | None = open_reader(source)
        self._ready = threading.Condition()
        self._newest: tuple[UInt8Array, int, float] | None = None
        self._events: list[CameraEvent] = []
        self._problem: CameraError | None = None
        self._stop = threading.Event()
        self._count = self._delivered = 0
        self._opened_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="facedge-camera", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """A live source ends when it is closed."""
        return self._stop.is_set()

    def next(self, timeout: float = 0.5) -> Frame | None:
        """The newest frame that was not given yet, waited for at most `timeout` seconds.

        Raises CameraError once the source has been lost for longer than `give_up`.
        """
        with self._ready:
            self._ready.wait_for(lambda: self._newest or self._problem or self._stop.is_set(), timeout)
            if self._newest is None:
                if self._problem:
                    raise self._problem
                return None
            (image, number, seconds), self._newest = self._newest, None
            skipped, self._delivered = number - self._delivered, number + 1
            return Frame(image, number, seconds, skipped)

    def events(self) -> list[CameraEvent]:
        """The events of the source since the last call."""
        with self._ready:
            found, self._events = self._events, []
            return found

    def close(self) -> None:
        """Stop the thread and release the source; a thread in a backend that hangs ends with the process."""
        self._stop.set()
        with self._ready:
            self._ready.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=2.0)

    # --- the thread ---

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                image = self._reader.read() if self._reader else None
                if image is not None:
                    self._put(image)
                elif not self._stop.is_set():
                    self._reopen()
        except CameraError as problem:
            with self._ready:
                self._problem = problem
                self._ready.notify_all()
        finally:
            if self._reader:
                self._reader.close()

    def _put(self, image: UInt8Array) -> None:
        with self._ready:
            self._newest = (image, self._count, time.monotonic() - self._opened_at)
            self._count += 1
            self._ready.notify_all()

    def _reopen(self) -> None:
        """Try to reopen the source with exponential backoff; CameraError after `give_up` seconds."""
        if self._reader:
            self._reader.close()
        self._reader = None
        shown, lost_at, delay = self._source.shown, time.monotonic(), FIRST_DELAY
        self._report(CameraEvent("lost", f"{shown} was lost"))
        reason = "nothing came"
        while time.monotonic() - lost_at < self._give_up:
            self._report(CameraEvent("waiting", f"{shown}: trying again in {delay:g} s", delay))
            if self._stop.wait(min(delay, max(0.0, self._give_up - (time.monotonic() - lost_at)))):
                return
            try:
                self._reader = self._open(self._source)
                self._report(CameraEvent("back", f"{shown} is back"))
                return
            except CameraError as problem:
                reason = str(problem)
            delay = min(2 * delay, MAX_DELAY)
        raise CameraError(f"{shown} was lost and did not come back within {self._give_up:g} s ({reason})")

    def _report(self, event: CameraEvent) -> None:
        with self._ready:
            self._events.append(event)
            self._ready.notify_all()
