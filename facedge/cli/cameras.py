"""`facedge cameras`: list the cameras and try each."""

import typer

from facedge.cli import _console
from facedge.cli._options import JsonOption
from facedge.formatting import printable


def cameras(as_json: JsonOption = False) -> None:
    """List and try every camera. Exit code 0: at least one delivers frames, 1: none does."""
    from facedge.camera.devices import list_cameras

    found = list_cameras()
    for camera in found:
        if as_json:
            _console.emit_json(camera.to_record())
        elif camera.size is not None:
            rate = f", {camera.rate:.0f} frames/s" if camera.rate else ""
            print(f"--camera {camera.camera}  {printable(camera.name)}: {camera.size[0]}x{camera.size[1]}{rate}")
        else:
            print(f"--camera {camera.camera}  {printable(camera.name)}: {printable(camera.problem)}")
    if not found:
        _console.say("no camera found; a video file or an http or rtsp URL works as one: --camera clip.mp4")
    raise typer.Exit(0 if any(camera.size is not None for camera in found) else 1)
