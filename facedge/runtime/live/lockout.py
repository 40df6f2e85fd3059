"""After five failures in a row the door stays shut for a while, longer each time. Counted across processes."""

import contextlib
import json
import os
import secrets
from pathlib import Path

FAILURES = 5
FIRST_DELAY, MOST_DELAY = 30.0, 900.0  # seconds; doubled by each failure after the fifth


class Lockout:
    """Failures in a row, kept in `file` where one is given; times are seconds of any clock that the caller keeps to.

    A file that cannot be read counts as no failure, unless it is there: then it counts as five (it fails closed).
    """

    def __init__(self, file: Path | None = None) -> None:
        """Go on from where the file stands."""
        self._file = file
        self.failures, self._until = _read(file) if file else (0, 0.0)

    def remaining(self, now: float) -> float:
        """Seconds until the next attempt counts, 0 where it counts now; never more than a lock-out can last."""
        return min(max(0.0, self._until - now), MOST_DELAY)  # a clock that was set back locks nobody out for years

    def fail(self, now: float) -> float:
        """One more failed attempt; the seconds that it locks."""
        self.failures += 1
        beyond = self.failures - FAILURES
        delay = 0.0 if beyond < 0 else min(FIRST_DELAY * 2 ** min(beyond, 10), MOST_DELAY)
        self._until = now + delay
        self._keep()
        return delay

    def succeed(self) -> None:
        """An accepted attempt forgets the failures."""
        if self.failures:
            self.failures, self._until = 0, 0.0
            self._keep()

    def _keep(self) -> None:
        if self._file is None:
            return
        staging = self._file.with_name(f".{self._file.name}.{secrets.token_hex(4)}")
        handle = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w") as target:
                json.dump({"failures": self.failures, "until": self._until}, target)
            staging.replace(self._file)
        finally:
            with contextlib.suppress(FileNotFoundError):
                staging.unlink()


def _read(file: Path) -> tuple[int, float]:
    try:
        found = json.loads(file.read_text())
        failures, until = int(found["failures"]), float(found["until"])
    except FileNotFoundError:
        return 0, 0.0
    except (OSError, ValueError, TypeError, KeyError):
        return FAILURES, float("inf")
    return max(failures, 0), until if until == until else float("inf")
