"""The cameras of this machine, each probed for a frame; whether there is a display for a window."""

import os
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from facedge.camera.capture_backends import open_reader
from facedge.camera.source import parse_source
from facedge.errors import FacedgeError


@dataclass(frozen=True)
class Found:
    """One camera: what to write after --camera, its name, and the size of a frame, or why none came."""

    camera: str
    name: str
    size: tuple[int, int] | None
    rate: float
    problem: str

    def to_record(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def list_cameras(devices: Path = Path("/dev"), names: Path = Path("/sys/class/video4linux")) -> list[Found]:
    """Every video device and Pi camera, each tried: opened, one frame read, closed."""
    found = []
    for device in sorted(devices.glob("video*"), key=_number):
        label = names / device.name / "name"
        name = label.read_text().strip() if label.is_file() else device.name
        found.append(probe(str(device) if devices != Path("/dev") else str(_number(device)), name))
    if find_spec("picamera2"):
        found.append(probe("picamera", "the Pi's camera"))
    return found


def probe(camera: str, name: str = "") -> Found:
    """Open a camera and read one frame; what went wrong is in `problem`, never raised."""
    try:
        reader = open_reader(parse_source(camera))
    except FacedgeError as problem:
        return Found(camera, name, None, 0.0, str(problem))
    try:
        image = reader.read()
        if image is None:
            return Found(camera, name, None, reader.rate, "it opens but delivers no frame: another program may use it")
        return Found(camera, name, (image.shape[1], image.shape[0]), reader.rate, "")
    finally:
        reader.close()


def display_problem() -> str:
    """Why no window can be opened, "" where one can. Without a display OpenCV ends the process, so this comes first."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)"
    return ""


def _number(path: Path) -> int:
    digits = "".join(c for c in path.name if c.isdigit())
    return int(digits) if digits else 0
