"""`facedge cameras`: list the cameras and try each."""

from importlib.util import find_spec

import typer

from facedge.cli import _console
from facedge.cli._console import require_extra
from facedge.cli._options import JsonOption
from facedge.formatting import printable


def cameras(as_json: JsonOption = False) -> None:
    """List the cameras and try each.

    Exit code 0: at least one delivers frames, 1: none does.
    """
    from facedge.camera.devices import list_cameras

    if find_spec("picamera2") is None:
        require_extra("camera", ("cv2",), "trying cameras")
    found = list_cameras()
    for camera in found:
        if as_json:
            _console.emit_json(camera.to_record())
        elif camera.size is not None:
            rate = f", {camera.rate:.0f} frames/s" if camera.rate else ""
            print(f"--camera {camera.camera}  {printable(camera.name)}: {camera.size[0]}x{camera.size[1]}{rate}")
        else:
            print(f"--camera {camera.camera}  {printable(camera.name)}: {printable(camera.problem)}")
    works = next((camera.camera for camera in found if camera.size is not None), None)
    if works is not None:
        _console.say(f"next: facedge verify --camera {works}, or facedge enroll NAME --camera {works}")
    if not found:
        _console.say("no camera found; a video file or an http or rtsp URL works as one: --camera clip.mp4")
    raise typer.Exit(0 if works is not None else 1)
