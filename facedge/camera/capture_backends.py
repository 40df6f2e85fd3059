"""The backends: images by facedge itself, video and devices by OpenCV, the Pi's camera by picamera2."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facedge.camera.source import PATTERN, Reader, Source
from facedge.errors import CameraError, MissingDependencyError
from facedge.types import UInt8Array

if TYPE_CHECKING:
    from collections.abc import Iterator

OPEN_TIMEOUT_MS, READ_TIMEOUT_MS = 5000, 5000
PI_SIZE = (1280, 720)  # width and height: enough pixels for a face at arm's length


def open_reader(source: Source) -> Reader:
    """Open a source; CameraError where it does not open, MissingDependencyError where its backend is not installed."""
    if source.kind == "images":
        return ImageReader(source)
    if source.kind == "picamera":
        return PiReader(source)
    if source.kind == "device":
        _refuse_device(Path(source.place))
    if source.kind == "file" and not Path(source.place).is_file():
        raise CameraError(f"{source.place}: no such video file, and no camera of that name: try `facedge cameras`")
    return OpenCvReader(source)


class ImageReader:
    """A folder of images, or a numbered pattern such as frames/%04d.png, in order."""

    rate = 0.0

    def __init__(self, source: Source) -> None:
        """Find the images; CameraError where there are none."""
        found = images_of(source.place)
        if not found:
            raise CameraError(f"{source.place}: no images there")
        self._paths: Iterator[Path] = iter(found)

    def read(self) -> UInt8Array | None:
        """The next image."""
        from facedge.imaging import load_rgb

        path = next(self._paths, None)
        return None if path is None else load_rgb(path)

    def close(self) -> None:
        """Nothing is open between images."""


def images_of(place: str) -> list[Path]:
    """The images of a folder by name, or of a pattern by number."""
    from facedge.image_folders import find_images

    if not PATTERN.search(place):
        return find_images(Path(place))
    folder, name = Path(place).parent, Path(place).name
    wanted = re.compile(r"(\d+)".join(re.escape(part) for part in PATTERN.split(name, maxsplit=1)))
    numbered = [(int(match[1]), path) for path in folder.glob("*") if (match := wanted.fullmatch(path.name))]
    return [path for _, path in sorted(numbered)]


class OpenCvReader:
    """Devices, video files and URLs, by OpenCV."""

    def __init__(self, source: Source) -> None:
        """Open with time limits, so that a URL without an answer is an error."""
        cv2 = import_cv2()
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS]
        if source.kind == "device":
            self._capture: Any = cv2.VideoCapture(source.place, cv2.CAP_V4L2)
            self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        else:
            self._capture = cv2.VideoCapture(source.place, cv2.CAP_FFMPEG, limits)
        if not self._capture.isOpened():
            self._capture.release()
            raise CameraError(_why_closed(source))
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.rate = rate if 0 < rate < 1000 else 0.0
        self._cv2 = cv2

    def read(self) -> UInt8Array | None:
        """The next frame."""
        came, frame = self._capture.read()
        if not came or frame is None:
            return None
        image: UInt8Array = self._cv2.cvtColor(frame, self._cv2.COLOR_BGR2RGB)
        return image

    def close(self) -> None:
        """Release the device."""
        self._capture.release()


class PiReader:
    """The Pi's own camera, by the system's picamera2."""

    rate = 0.0

    def __init__(self, source: Source) -> None:
        """Start the camera in RGB; picamera2 calls the byte order R, G, B "BGR888"."""
        try:
            from picamera2 import Picamera2
        except ImportError as problem:
            raise MissingDependencyError(
                "the Pi's camera needs picamera2, which comes with the system: sudo apt install python3-picamera2, and "
                "make the virtual environment with --system-site-packages"
            ) from problem
        try:
            self._camera: Any = Picamera2(int(source.place))
            self._camera.configure(self._camera.create_video_configuration({"size": PI_SIZE, "format": "BGR888"}))
            self._camera.start()
        except (RuntimeError, IndexError, OSError) as problem:
            raise CameraError(
                f"the Pi's camera {source.place} does not start ({problem}): check its cable, and that no other "
                "program uses it"
            ) from problem

    def read(self) -> UInt8Array | None:
        """The next frame; None when the camera stopped."""
        try:
            frame: UInt8Array = self._camera.capture_array("main")
        except (RuntimeError, OSError):
            return None
        return frame[:, :, :3]

    def close(self) -> None:
        """Stop, and release the camera."""
        self._camera.stop()
        self._camera.close()


def import_cv2() -> Any:
    """OpenCV with its logging off; MissingDependencyError with the command that installs it."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError as problem:
        raise MissingDependencyError("cameras and videos need OpenCV: pip install 'facedge[camera]'") from problem
    return cv2


def _refuse_device(device: Path) -> None:
    """CameraError for a device that is not there, or that this user may not open."""
    if not device.exists():
        there = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none"
        raise CameraError(f"no camera at {device} (video devices here: {there}): plug it in, or try `facedge cameras`")
    if not os.access(device, os.R_OK | os.W_OK):
        raise CameraError(
            f"this user may not open {device}: join its group with `sudo usermod -aG video $USER`, and log in again"
        )


def _why_closed(source: Source) -> str:
    if source.kind == "device":
        return f"{source.place} does not open: another program may be using it, or it delivers no frames"
    if source.kind == "url":
        return f"no video at {source.shown}: check the address, and that the camera is on"
    return f"{source.place} does not open as a video: expected a file that OpenCV reads, such as mp4, or a camera"
