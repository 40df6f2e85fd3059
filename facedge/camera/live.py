"""A live source: a thread keeps the newest frame in a slot for one, and finds the source again when it went away."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from facedge.camera.frames import CameraEvent, Frame, Image, Reader
from facedge.camera.source import Source
from facedge.errors import CameraError

GIVE_UP = 60.0  # seconds
FIRST_DELAY, MOST_DELAY = 0.5, 10.0  # seconds between attempts to find a source again; the delay doubles

Open = Callable[[Source], Reader]


class LiveCamera:
    """The newest frame of a live source. `next` never gives a frame twice, and never an old one while a newer waits."""

    live = True

    def __init__(self, source: Source, open_reader: Open, *, give_up: float = GIVE_UP) -> None:
        """Open the source here, so that a camera that is not there is an error at once; then read in a thread."""
        self._source, self._open, self._give_up = source, open_reader, give_up
        self._reader: Reader | None = open_reader(source)
        self._ready = threading.Condition()
        self._slot: tuple[Image, int, float] | None = None
        self._happened: list[CameraEvent] = []
        self._problem: CameraError | None = None
        self._stop = threading.Event()
        self._seen = self._delivered = 0
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="facedge-camera", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """A live source ends when it is closed."""
        return self._stop.is_set()

    def next(self, timeout: float = 0.5) -> Frame | None:
        """The newest frame that was not given yet, waited for at most `timeout` seconds.

        Raises CameraError once the source has been away for longer than `give_up`.
        """
        with self._ready:
            self._ready.wait_for(lambda: self._slot or self._problem or self._stop.is_set(), timeout)
            if self._slot is None:
                if self._problem:
                    raise self._problem
                return None
            (image, number, seconds), self._slot = self._slot, None
            skipped, self._delivered = number - self._delivered, number + 1
            return Frame(image, number, seconds, skipped)

    def events(self) -> list[CameraEvent]:
        """What happened to the source since the last call."""
        with self._ready:
            found, self._happened = self._happened, []
            return found

    def close(self) -> None:
        """Stop the thread and let go of the source; a backend that hangs is left to die with the process."""
        self._stop.set()
        with self._ready:
            self._ready.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=2.0)

    def __enter__(self) -> Self:
        """The camera itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    # --- the thread ---

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                image = self._reader.read() if self._reader else None
                if image is not None:
                    self._put(image)
                elif not self._stop.is_set():
                    self._find_again()
        except CameraError as problem:
            with self._ready:
                self._problem = problem
                self._ready.notify_all()
        finally:
            if self._reader:
                self._reader.close()

    def _put(self, image: Image) -> None:
        with self._ready:
            self._slot = (image, self._seen, time.monotonic() - self._began)
            self._seen += 1
            self._ready.notify_all()

    def _find_again(self) -> None:
        """Try to open the source with growing delays; CameraError after `give_up` seconds."""
        if self._reader:
            self._reader.close()
        self._reader = None
        shown, away, delay = self._source.shown, time.monotonic(), FIRST_DELAY
        self._tell(CameraEvent("lost", f"{shown} went away"))
        reason = "nothing came"
        while time.monotonic() - away < self._give_up:
            self._tell(CameraEvent("waiting", f"{shown}: trying again in {delay:g} s", delay))
            if self._stop.wait(min(delay, max(0.0, self._give_up - (time.monotonic() - away)))):
                return
            try:
                self._reader = self._open(self._source)
                self._tell(CameraEvent("back", f"{shown} is back"))
                return
            except CameraError as problem:
                reason = str(problem)
            delay = min(2 * delay, MOST_DELAY)
        raise CameraError(f"{shown} went away and did not come back within {self._give_up:g} s ({reason})")

    def _tell(self, event: CameraEvent) -> None:
        with self._ready:
            self._happened.append(event)
            self._ready.notify_all()
