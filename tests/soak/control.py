"""Numbers that the soak test and the process under test share: a mapped file of int64.

The test writes what the camera shows, its fault, and by how much the wall clock is wrong; the process counts how long
each frame took.
"""

from enum import IntEnum
from pathlib import Path

import numpy as np

FIRST_BUCKET = 4  # the numbers before it are what the properties give
BUCKET = 0.25  # milliseconds
BUCKETS = 4000  # the last one holds everything above


class Scene(IntEnum):
    """What the camera shows."""

    ONE = 0  # the enrolled person
    MANY = 1  # other people


class Fault(IntEnum):
    """What is wrong with the camera."""

    NONE = 0
    RAISES = 1
    NOTHING = 2
    HANGS = 3
    BLACK = 4
    SAME = 5


class Control:
    """The shared numbers, in a file that is made where it is missing."""

    def __init__(self, file: Path) -> None:
        self.file = file
        if not file.exists():
            file.write_bytes(bytes(8 * (FIRST_BUCKET + BUCKETS)))
        self._numbers = np.memmap(file, np.int64, "r+")

    @property
    def scene(self) -> Scene:
        return Scene(int(self._numbers[0]))

    @scene.setter
    def scene(self, value: Scene) -> None:
        self._numbers[0] = value

    @property
    def fault(self) -> Fault:
        return Fault(int(self._numbers[1]))

    @fault.setter
    def fault(self, value: Fault) -> None:
        self._numbers[1] = value

    @property
    def clock_offset(self) -> int:
        """Seconds added to the wall clock."""
        return int(self._numbers[2])

    @clock_offset.setter
    def clock_offset(self, value: int) -> None:
        self._numbers[2] = value

    @property
    def wrong_accepts(self) -> int:
        """Accepts at a frame of other people."""
        return int(self._numbers[3])

    @wrong_accepts.setter
    def wrong_accepts(self, value: int) -> None:
        self._numbers[3] = value

    def count(self, milliseconds: float) -> None:
        """One more frame that took so long."""
        self._numbers[FIRST_BUCKET + min(int(milliseconds / BUCKET), BUCKETS - 1)] += 1

    def latencies(self) -> np.ndarray:
        """How many frames took 0 to 0.25 ms, 0.25 to 0.5 ms..., as int64 (4000,); a copy."""
        return np.array(self._numbers[FIRST_BUCKET:])


def percentile(counts: np.ndarray, share: float) -> float:
    """Milliseconds within which this share of the frames was processed."""
    return float(BUCKET * (1 + np.searchsorted(np.cumsum(counts), share * counts.sum())))
