"""The window of --show: what it needs, what it shows, and how it is closed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from facedge.camera.devices import display_problem
from facedge.camera.window import LARGEST, Window, ppm, reduction
from facedge.errors import CameraError, MissingDependencyError

IMAGE = np.zeros((200, 300, 3), np.uint8)
IMAGE[:, :, 0] = 90  # red


def test_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "no display" in display_problem()
    with pytest.raises(CameraError, match="no display"):
        Window("x")


def test_a_display_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tkinter")
    monkeypatch.setenv("DISPLAY", ":3141")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(CameraError, match="leave --show out"):
        Window("x")


def test_a_python_without_tk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setitem(sys.modules, "tkinter", None)
    with pytest.raises(MissingDependencyError, match="apt install python3-tk"):
        Window("x")


def test_a_frame_as_ppm() -> None:
    assert ppm(IMAGE[:1, :2]) == b"P6 2 1 255\n" + bytes([90, 0, 0, 90, 0, 0])
    assert ppm(IMAGE[::2, ::2]).startswith(b"P6 150 100 255\n")


@pytest.mark.parametrize(
    ("shape", "step"), [((200, 300), 1), ((LARGEST, LARGEST), 1), ((540, LARGEST + 1), 2), ((2160, 3840), 4)]
)
def test_large_frames_are_shown_smaller(shape: tuple[int, int], step: int) -> None:
    assert reduction(np.zeros((*shape, 3), np.uint8)) == step


SESSION = """
import numpy as np
from facedge.camera.window import Window
image = np.full((200, 300, 3), 90, np.uint8)
window = Window("facedge")
for good in (True, False):
    assert window.show(image, "accepted 0.98", good, (50.0, 60.0, 150.0, 160.0), ((100.0, 100.0),))
canvas, root = window._canvas, window._root
kinds = [canvas.type(item) for item in canvas.find_all()]
assert kinds == ["image", "text", "rectangle", "oval"], kinds
assert canvas.coords("all") == [0.0, 30.0], canvas.coords("all")
assert (canvas.winfo_width(), canvas.winfo_height()) == (300, 230)
root.focus_force()
root.update()
root.event_generate("<Escape>")
assert not window.show(image, "", True, None, None)
window.close()
print("closed")
"""


@pytest.fixture
def screen() -> Iterator[str]:
    """A virtual screen, by its name."""
    pytest.importorskip("tkinter")
    if not shutil.which("Xvfb"):
        pytest.skip("there is no Xvfb (apt install xvfb)")
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "800x600x24"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        yield ":" + server.stdout.readline().strip()
        server.terminate()


def test_a_window_shows_frames_until_it_is_closed(screen: str) -> None:
    """In a process of its own: Tk ends its process when the screen goes."""
    environment = {**os.environ, "DISPLAY": screen}
    command = [sys.executable, "-W", "error", "-c", SESSION]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "closed\n", "")
