"""A window with the camera's frame, box and landmarks, by Python's own Tk: OpenCV's headless build has no windows."""

import sys
from typing import Any

import numpy as np

from facedge.camera.devices import display_problem
from facedge.errors import CameraError, MissingDependencyError
from facedge.types import Box, UInt8Array

GREEN, YELLOW = "#50c850", "#e6c83c"
LARGEST = 960  # pixels of the longer side on the screen: a larger frame is shown at a half, a third, ...
BAR = 30  # pixels of the line of text above

Points = tuple[tuple[float, float], ...]


class Window:
    """One window. CameraError without a display, MissingDependencyError where Python has no Tk."""

    def __init__(self, title: str) -> None:
        """Open it, empty until the first frame."""
        if problem := display_problem():
            raise CameraError(f"no window can be opened: {problem}")
        tkinter = import_tkinter()
        try:
            self._root = tkinter.Tk(className=title)
        except tkinter.TclError as refused:
            raise CameraError(
                f"no window can be opened ({refused}): check DISPLAY, or leave --show out for the view in the terminal"
            ) from refused
        self._new_picture = tkinter.PhotoImage
        self._canvas = tkinter.Canvas(self._root, background="black", highlightthickness=0)
        self._canvas.pack()
        self._picture: Any = None  # Tk shows a picture only while something refers to it
        self._open = True
        self._root.title(title)
        self._root.protocol("WM_DELETE_WINDOW", self._leave)
        for key in ("<Escape>", "q"):
            self._root.bind(key, self._leave)

    def _leave(self, _event: object = None) -> None:
        self._open = False

    def show(self, image: UInt8Array, text: str, good: bool, box: Box | None, points: Points | None) -> bool:
        """Show an RGB frame with its marks; False once the user closed it, or pressed Esc or q."""
        step = reduction(image)
        height, width = image[::step, ::step].shape[:2]
        canvas, colour = self._canvas, GREEN if good else YELLOW
        self._picture = self._new_picture(master=self._root, data=ppm(image[::step, ::step]), format="ppm")
        canvas.delete("all")
        canvas.configure(width=width, height=height + BAR)
        canvas.create_image(0, BAR, image=self._picture, anchor="nw")
        canvas.create_text(8, BAR // 2, text=text, fill="white", anchor="w")
        if box is not None:
            x0, y0, x1, y1 = (edge / step for edge in box)
            canvas.create_rectangle(x0, y0 + BAR, x1, y1 + BAR, outline=colour, width=2)
        for x, y in points or ():
            canvas.create_oval(x / step - 3, y / step - 3 + BAR, x / step + 3, y / step + 3 + BAR, fill=colour, width=0)
        self._root.update()
        return self._open

    def close(self) -> None:
        """Close the window."""
        self._root.destroy()


def import_tkinter() -> Any:
    """Python's tkinter; MissingDependencyError where the distribution ships it apart."""
    try:
        import tkinter
    except ImportError as missing:
        package = f"python{sys.version_info.major}-tk"
        raise MissingDependencyError(
            f"--show needs Python's Tk: on Debian, Ubuntu and Raspberry Pi OS run apt install {package}, or leave "
            "--show out for the view in the terminal"
        ) from missing
    return tkinter


def reduction(image: UInt8Array) -> int:
    """Every how many pixels of a frame are shown, so that it is at most LARGEST wide and high."""
    return -(-int(max(image.shape[:2])) // LARGEST)


def ppm(image: UInt8Array) -> bytes:
    """An RGB image (H, W, 3) as a binary PPM file, which Tk reads without Pillow."""
    height, width = image.shape[:2]
    return b"P6 %d %d 255\n" % (width, height) + np.ascontiguousarray(image).tobytes()
