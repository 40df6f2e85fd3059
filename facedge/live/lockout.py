"""Lockout with exponential backoff: five failed attempts in a row lock for 30 s, each further one for twice as long.

The failures are counted in a file of the data directory, from one process to the next.
"""

import hashlib
import json
import os
from pathlib import Path

from facedge.bundle.resolve import data_home
from facedge.files import write_json

FAILURES = 5
FIRST_DELAY, MOST_DELAY = 30.0, 900.0  # seconds; doubled by each failure after the fifth


class Lockout:
    """Failed attempts in a row, kept in `file` where one is given; times are seconds of any one clock.

    A missing file counts as no failure; one that cannot be read counts as five, with a full lock (it fails closed).
    """

    def __init__(self, file: Path | None = None) -> None:
        """Continue from the state in the file."""
        self._file = file
        self.failures, self._until = _read(file) if file else (0, 0.0)

    def remaining(self, now: float) -> float:
        """Seconds until the next attempt counts, 0 where it counts now; at most MOST_DELAY, were the clock set back."""
        return min(max(0.0, self._until - now), MOST_DELAY)

    def fail(self, now: float) -> float:
        """Count one failed attempt; returns the seconds that it locks for.

        Raises StorageError where the file cannot be written.
        """
        self.failures += 1
        beyond = self.failures - FAILURES
        delay = 0.0 if beyond < 0 else min(FIRST_DELAY * 2 ** min(beyond, 10), MOST_DELAY)
        self._until = now + delay
        self._write()
        return delay

    def succeed(self) -> None:
        """Reset the failures after an accepted attempt."""
        if self.failures:
            self.failures, self._until = 0, 0.0
            self._write()

    def _write(self) -> None:
        if self._file is not None:
            write_json(self._file, {"failures": self.failures, "until": self._until}, mode=0o600)


def attempts_file(bundle: Path) -> Path:
    """Where failed attempts at a bundle are counted: a file of the data directory, named by the bundle's path."""
    key = hashlib.sha256(os.fsencode(bundle.resolve())).hexdigest()[:16]
    return data_home() / f"attempts-{key}.json"


def _read(file: Path) -> tuple[int, float]:
    try:
        found = json.loads(file.read_text())
        failures, until = int(found["failures"]), float(found["until"])
    except FileNotFoundError:
        return 0, 0.0
    except (OSError, ValueError, TypeError, KeyError):
        return FAILURES, float("inf")
    return max(failures, 0), until if until == until else float("inf")
