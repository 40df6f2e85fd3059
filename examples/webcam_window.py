"""A webcam loop with a window: each frame, its box, and who decides when.

python webcam_window.py ana 0          # a person's name, and a camera: 0, a video file, a URL
"""

import contextlib
import sys

import facedge
from facedge.camera.streams import open_camera
from facedge.camera.window import Window
from facedge.live.watcher import Watcher


def run(name: str, source: str) -> list[str]:
    """Show the camera until its end, or until the window is closed; the accepts and rejects, in order."""
    watcher, decisions = Watcher(facedge.load(name)), []
    with open_camera(source) as camera, contextlib.closing(Window("facedge")) as window:
        while not camera.ended:
            frame = camera.next()
            if frame is None:  # no new picture within half a second
                continue
            for event in watcher.step(frame):
                if event.kind in ("accept", "reject"):
                    decisions.append(event.kind)
                    print(f"{event.seconds:7.2f} s  {event.kind}  {event.score:.4f}", flush=True)
            view = watcher.view
            found = view.decision
            box, landmarks = (found.box, found.landmarks) if found else (None, None)
            text = "accepted" if view.accepted else view.state.replace("_", " ")
            if not window.show(frame.image, text, view.accepted, box, landmarks):
                break
    return decisions


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python webcam_window.py NAME CAMERA")
    try:
        run(sys.argv[1], sys.argv[2])
    except facedge.FacedgeError as problem:
        sys.exit(str(problem))
