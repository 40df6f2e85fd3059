"""A recording as a camera: every frame, in order, the same ones every time."""

from types import TracebackType
from typing import Self

from facedge.camera.frames import CameraEvent, Frame, Reader
from facedge.camera.source import Source

USUAL_RATE = 25.0  # frames a second of an image sequence, which does not say


class FileCamera:
    """Frames of a file between the source's start and end, in seconds."""

    live = False

    def __init__(self, source: Source, reader: Reader) -> None:
        """Take over an open reader."""
        self._source, self._reader = source, reader
        self._rate = reader.rate or USUAL_RATE
        self._number = 0
        self.ended = False

    def next(self, timeout: float = 0.5) -> Frame | None:
        """The next frame; None at the end. A file never keeps one waiting, so `timeout` means nothing."""
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
        """Nothing happens to a file."""
        return []

    def close(self) -> None:
        """Close the file."""
        self.ended = True
        self._reader.close()

    def __enter__(self) -> Self:
        """The camera itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()
