"""A frame source: what people write after --camera, and what every open source gives."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from facedge.errors import CameraError
from facedge.types import UInt8Array

Kind = Literal["device", "file", "images", "url", "picamera"]
SCHEMES = ("http", "https", "rtsp")
PATTERN = re.compile(r"%0?\d*d")
HOST = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^:\[\]]+)(:\d+)?")  # with a port, RFC 3986, 3.2
PART = re.compile(r"#t=(\d+(?:\.\d+)?)?(?:,(\d+(?:\.\d+)?))?$")  # W3C Media Fragments: #t=3, #t=0,3, #t=,3


@dataclass(frozen=True)
class Source:
    """A frame source by kind and place: a device's path, a file, a URL, the number of a Pi camera.

    start, end: seconds of a file between which frames count.
    """

    kind: Kind
    place: str
    start: float = 0.0
    end: float = float("inf")

    @property
    def shown(self) -> str:
        """The place as it may be shown: of a URL scheme, host and port only.

        Cameras take passwords and tokens in the user part, in the query and in the path (/user=admin&password=...).
        """
        if self.kind != "url":
            return self.place
        scheme, _, rest = self.place.partition("://")
        authority = re.split(r"[/?#]", rest)[0]
        behind = rest[len(authority) :]
        host = authority.rpartition("@")[2]
        if "@" in behind or not HOST.fullmatch(host):  # perhaps a password with a slash, which ends the authority early
            return f"{scheme}://..."
        return f"{scheme}://{host}{'/...' if behind.strip('/') else ''}"


def parse_source(text: str) -> Source:
    """The source that `text` names; CameraError where it names none. Opens nothing."""
    if not text.strip():
        raise CameraError("expected a camera such as 0, /dev/video0, a video file, a URL or picamera, got nothing")
    if re.fullmatch(r"\d{1,3}", text):
        return Source("device", f"/dev/video{int(text)}")
    if text == "picamera" or re.fullmatch(r"picamera:\d", text):
        return Source("picamera", text.partition(":")[2] or "0")
    if scheme := re.match(r"([a-zA-Z][a-zA-Z0-9+.-]*)://", text):
        if scheme[1].lower() not in SCHEMES:
            raise CameraError(f"expected a URL of {', '.join(SCHEMES)}, got {scheme[1]}: as a camera")
        return Source("url", text)
    if text.startswith("/dev/"):
        return Source("device", text)
    return _file(text)


def _file(text: str) -> Source:
    part = PART.search(text)
    place = text[: part.start()] if part else text
    if re.search(r"[@?=]|^\w+:/", place) and not os.path.lexists(place):
        raise CameraError(
            "expected a camera, got neither a file nor a URL such as rtsp://HOST/PATH: check it (it is not shown, "
            "since it may hold a password)"
        )
    start = float(part[1] or 0) if part else 0.0
    end = float(part[2]) if part and part[2] else float("inf")
    if end <= start:
        raise CameraError(f"{text}: the part ends before it starts: write #t=FROM,TO in seconds")
    kind: Kind = "images" if Path(place).is_dir() or PATTERN.search(place) else "file"
    return Source(kind, place, start, end)


@dataclass(frozen=True)
class Frame:
    """One picture: uint8 RGB (H, W, 3), its number, and seconds since the source was opened.

    skipped: frames of a live source that were dropped since the last one delivered.
    """

    image: UInt8Array
    number: int
    seconds: float
    skipped: int = 0


@dataclass(frozen=True)
class CameraEvent:
    """A live source was lost ("lost"), is reopened in `delay` seconds ("waiting"), both for a `reason`, or is back."""

    kind: Literal["lost", "waiting", "back"]
    message: str
    delay: float = 0.0
    reason: str | None = None


class Reader(Protocol):
    """An opened backend: one frame after the other."""

    rate: float  # nominal frames a second; 0 where unknown

    def read(self) -> UInt8Array | None:
        """The next frame as uint8 RGB (H, W, 3); None at the end, or when the source was lost."""

    def close(self) -> None:
        """Release the device or file; a second call does nothing."""


class Camera(Protocol):
    """An open frame source."""

    @property
    def live(self) -> bool:
        """Whether frames come in real time; False for recordings."""

    @property
    def ended(self) -> bool:
        """Whether no further frame will come."""

    def next(self, timeout: float = 0.5) -> Frame | None:
        """The next frame; None when none came within `timeout` seconds, or the source has ended."""

    def events(self) -> list[CameraEvent]:
        """The events of the source since the last call."""

    def close(self) -> None:
        """Stop, and release the source."""

    def __enter__(self) -> Self:
        """The camera itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""


class Closing:
    """Closes a camera at the end of a `with` block."""

    def close(self) -> None:
        """Stop, and release the source."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """The camera itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()
