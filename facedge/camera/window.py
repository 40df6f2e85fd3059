"""A window with the camera's frame, box and landmarks, by OpenCV's GUI; only where there is a display."""

from typing import Any

import numpy as np

from facedge.camera.capture_backends import import_cv2
from facedge.camera.devices import display_problem
from facedge.errors import CameraError, MissingDependencyError
from facedge.types import UInt8Array

GREEN, YELLOW, WHITE = (80, 200, 80), (60, 200, 230), (255, 255, 255)  # blue, green, red
ESCAPE = 27

Box = tuple[float, float, float, float]
Points = tuple[tuple[float, float], ...]


class Window:
    """One window. CameraError without a display, MissingDependencyError where OpenCV was built without windows."""

    def __init__(self, title: str) -> None:
        """Check for a display and a GUI first: without a display OpenCV ends the process."""
        if problem := display_problem():
            raise CameraError(f"no window can be opened: {problem}")
        self._cv2: Any = import_cv2()
        if not has_windows(self._cv2.getBuildInformation()):
            raise MissingDependencyError(
                "this OpenCV was built without windows: pip uninstall opencv-python-headless, and pip install "
                "'opencv-python<5'; or leave --show out for the view in the terminal"
            )
        self._title = title
        self._open = False

    def show(self, image: UInt8Array, text: str, good: bool, box: Box | None, points: Points | None) -> bool:
        """Show an RGB frame with its marks; False once the user closed it."""
        cv2 = self._cv2
        cv2.imshow(self._title, draw(cv2, image, text, good, box, points))
        key = cv2.waitKey(1) & 0xFF
        closed = self._open and cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1
        self._open = True
        return key not in (ESCAPE, ord("q")) and not closed

    def close(self) -> None:
        """Close the window."""
        self._cv2.destroyAllWindows()


def draw(cv2: Any, image: UInt8Array, text: str, good: bool, box: Box | None, points: Points | None) -> UInt8Array:
    """A BGR copy of an RGB frame with the box, the landmarks and a line of text."""
    canvas: UInt8Array = np.ascontiguousarray(image[:, :, ::-1])
    colour = GREEN if good else YELLOW
    if box is not None:
        x0, y0, x1, y1 = (round(edge) for edge in box)
        cv2.rectangle(canvas, (x0, y0), (x1, y1), colour, 2)
    for x, y in points or ():
        cv2.circle(canvas, (round(x), round(y)), 3, colour, -1)
    cv2.rectangle(canvas, (0, 0), (canvas.shape[1], 30), (0, 0, 0), -1)
    cv2.putText(canvas, text, (8, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.6, WHITE, 1, cv2.LINE_AA)
    return canvas


def has_windows(build: str) -> bool:
    """Whether OpenCV's build information names a GUI."""
    for line in build.splitlines():
        name, _, value = line.strip().partition(":")
        if name == "GUI":
            return value.strip() != "NONE"
    return False
