"""`facedge` before a camera that plays two videos and fails on demand: python service.py CONTROL ONE MANY ARGUMENT ...

The camera plays the video of the control's scene at 25 frames a second, over and over, from one reopening to the next.
"""

import sys
import time
from pathlib import Path

import cv2
import numpy as np
from control import Control, Fault, Scene

from facedge.camera import streams
from facedge.camera.source import Frame
from facedge.errors import CameraError
from facedge.live.events import Event
from facedge.live.watcher import Watcher

RATE = 25.0
MANY_HEIGHT = 360  # of the video of other people, by which a frame of it is known; the other one has 540
STALL, MAX_DELAY = 4.0, 2.0  # seconds, in the place of 15 and 30: more faults in the same time


class Videos:
    """The stub of a backend's reader."""

    rate = 0.0

    def __init__(self, control: Control, files: dict[Scene, str]) -> None:
        if control.fault in (Fault.RAISES, Fault.NOTHING):
            raise CameraError("the camera is unplugged")
        self._control = control
        self._videos = {scene: cv2.VideoCapture(file) for scene, file in files.items()}
        self._last = np.zeros((90, 160, 3), np.uint8)
        self._due = time.monotonic()

    def read(self) -> np.ndarray | None:
        """The next frame, when it is due, or what the fault makes of it."""
        self._due = max(self._due + 1 / RATE, time.monotonic())
        time.sleep(max(0.0, self._due - time.monotonic()))
        fault = self._control.fault
        if fault == Fault.RAISES:
            raise RuntimeError("the bus is gone")
        if fault == Fault.NOTHING:
            return None
        while self._control.fault == Fault.HANGS:
            time.sleep(0.05)
        if fault == Fault.BLACK:
            return np.zeros_like(self._last)
        if fault != Fault.SAME:
            self._last = self._frame(self._videos[self._control.scene])
        return self._last.copy()

    def close(self) -> None:
        for video in self._videos.values():
            video.release()

    def _frame(self, video: cv2.VideoCapture) -> np.ndarray:
        found, image = video.read()
        if not found:
            video.set(cv2.CAP_PROP_POS_FRAMES, 0)
            found, image = video.read()
        return np.ascontiguousarray(image[:, :, ::-1])


def install(control: Control, files: dict[Scene, str]) -> None:
    """Put the stub in the place of every camera and a wrong clock in the place of the wall clock; time each frame."""
    cv2.setNumThreads(1)
    streams.STALL, streams.MAX_DELAY = STALL, MAX_DELAY
    streams.open_reader = lambda _source: Videos(control, files)
    real_step, real_time = Watcher.step, time.time

    def step(self: Watcher, frame: Frame) -> list[Event]:
        began = time.perf_counter()
        events = real_step(self, frame)
        if min(frame.image.shape[:2]) == MANY_HEIGHT:
            control.wrong_accepts += sum(event.kind == "accept" for event in events)
        if self.view.state != "locked":  # a frame that comes meanwhile is not processed
            control.count(1000 * (time.perf_counter() - began))
        return events

    Watcher.step = step
    time.time = lambda: real_time() + control.clock_offset


if __name__ == "__main__":
    _, shared, one, many, *arguments = sys.argv
    install(Control(Path(shared)), {Scene.ONE: one, Scene.MANY: many})
    sys.argv = ["facedge", *arguments]
    from facedge.__main__ import run

    run()
