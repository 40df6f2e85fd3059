"""What people write after --camera, and what it means."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facedge.errors import CameraError

Kind = Literal["device", "file", "images", "url", "picamera"]
SCHEMES = ("http", "https", "rtsp")
PATTERN = re.compile(r"%0?\d*d")
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
        """The place as it may be shown: without the password of a URL."""
        return re.sub(r"//[^/@]*@", "//", self.place)


def parse_source(text: str) -> Source:
    """The source that `text` names; CameraError where it can be none. Opens nothing."""
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
    start = float(part[1] or 0) if part else 0.0
    end = float(part[2]) if part and part[2] else float("inf")
    if end <= start:
        raise CameraError(f"{text}: the part ends before it begins: write #t=FROM,TO in seconds")
    kind: Kind = "images" if Path(place).is_dir() or PATTERN.search(place) else "file"
    return Source(kind, place, start, end)
