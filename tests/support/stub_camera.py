"""`facedge` in a process of its own with a stub in the place of every device: python stub_camera.py KIND ARGUMENT ...

KIND: what the camera does after its first three frames of noise: "noise" (more of them, 50 a second), "hang", "raise",
"nothing", "black", "same". STALL in the environment: seconds after which a camera counts as lost.
"""

import os
import sys
import time

import numpy as np

from facedge.camera import streams
from facedge.camera.source import Source


class StubReader:
    """Noise, and then what the kind says."""

    rate = 0.0

    def __init__(self, kind: str) -> None:
        self._kind, self._count = kind, 0
        self._noise = np.random.default_rng(os.getpid())
        self._last = np.zeros((120, 160, 3), np.uint8)

    def read(self) -> np.ndarray | None:
        time.sleep(0.02)
        self._count += 1
        if self._count > 3 and self._kind != "noise":
            return self._blind()
        self._last = self._noise.integers(0, 256, (120, 160, 3), np.uint8)
        return self._last

    def _blind(self) -> np.ndarray | None:
        if self._kind == "hang":
            time.sleep(3600)
        if self._kind == "raise":
            raise RuntimeError("the bus is gone")
        if self._kind == "nothing":
            return None
        return np.zeros_like(self._last) if self._kind == "black" else self._last.copy()

    def close(self) -> None:
        """Nothing is open."""


opened = 0


def open_stub(_source: Source) -> StubReader:
    """The second and every later opening is blind from the start."""
    global opened
    opened += 1
    made = StubReader(KIND)
    made._count = 0 if opened == 1 else 3
    return made


if __name__ == "__main__":
    KIND, *arguments = sys.argv[1:]
    streams.open_reader = open_stub
    streams.STALL = float(os.environ.get("STALL", streams.STALL))
    sys.argv = ["facedge", *arguments]
    from facedge.__main__ import run

    run()
