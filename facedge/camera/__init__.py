"""Frame sources: a device, a video file, an image sequence, a URL, the Pi's camera. Backends are imported when used.

    with open_camera("0") as camera:
        while (frame := camera.next()) is not None or not camera.ended:
            ...

A live source gives its newest frame, so a slow model never builds a queue; a file gives every frame.
"""

from facedge.camera.files import FileCamera
from facedge.camera.frames import Camera, CameraEvent, Frame, Reader
from facedge.camera.live import GIVE_UP, LiveCamera
from facedge.camera.readers import open_reader
from facedge.camera.source import Source, parse_source

__all__ = ["GIVE_UP", "Camera", "CameraEvent", "Frame", "Reader", "Source", "open_camera", "parse_source"]


def open_camera(text: str, *, give_up: float = GIVE_UP) -> Camera:
    """Open a frame source.

    text     0 (the first device), /dev/video0, a video file, a folder or numbered pattern (f%04d.png) of images, an
             http, https or rtsp URL, picamera. A file may name a part of itself in seconds: clip.mp4#t=3 or #t=0,3
    give_up  seconds to wait for a live source that went away, before CameraError

    Raises CameraError where it cannot be opened, MissingDependencyError where its backend is not installed.
    """
    source = parse_source(text)
    if source.kind in ("file", "images"):
        return FileCamera(source, open_reader(source))
    return LiveCamera(source, open_reader, give_up=give_up)
