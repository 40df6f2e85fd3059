"""Lockout with exponential backoff: five failed attempts in a row lock for 30 s, each further one for twice as long.

The failures are counted in a file of the data directory, together by all processes and from one boot to the next:

    {"failures": 6, "length": 60.0, "boot": "0b0c...", "at": 812.4, "wall": 1764000000.0}

Within one boot a lock is measured by the time since the boot, which nobody sets; `wall` counts after a reboot only. A
file that is damaged, or missing although its `.lock` file tells that there was one, means one lock of full length, and
is replaced.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from facedge.bundle.json_fields import exact_keys, number, parse_json, whole
from facedge.bundle.resolve import data_home, private_data_home
from facedge.errors import BundleError, StorageError
from facedge.files import locked, storage_errors, write_bytes, write_json

FAILURES = 5
FIRST_DELAY, MOST_DELAY = 30.0, 900.0  # seconds; doubled by each failure after the fifth
MOST_COUNTED = 10**6
MOST_BYTES = 4096  # of the file; it has about 150
MOST_SECONDS = 1e12
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # random(4): a new one for each boot
USED = b"attempts are counted\n"
KEYS = frozenset({"failures", "length", "boot", "at", "wall"})


@dataclass(frozen=True)
class Clock:
    """What a lock is measured by.

    Attributes:
        boot: an id of this boot, or "" where the system has none
        uptime: seconds since the boot, suspended time included (CLOCK_BOOTTIME); of the wall clock where `boot` is ""
        wall: seconds of the wall clock
    """

    boot: str
    uptime: Callable[[], float]
    wall: Callable[[], float]


def system_clock() -> Clock:
    """The clock of this machine."""
    try:
        boot = BOOT_ID.read_text().strip()
        return Clock(boot, lambda: time.clock_gettime(time.CLOCK_BOOTTIME), time.time)
    except OSError:  # no Linux
        return Clock("", time.time, time.time)


@dataclass(frozen=True)
class Failures:
    """Failed attempts in a row, the seconds that the last one locks for, and when it was by both clocks."""

    failures: int = 0
    length: float = 0.0
    boot: str = ""
    at: float = 0.0
    wall: float = 0.0

    def remaining(self, clock: Clock, now: float) -> float:
        """Seconds of the lock that are left, from 0 to `length`; `now` is of `clock.uptime`."""
        passed = now - self.at
        if self.boot != clock.boot:  # before this boot: at least the time since it has passed, were `wall` set back
            passed = max(clock.wall() - self.wall, now if clock.boot else 0.0)
        return min(max(0.0, self.length - passed), self.length)

    def is_ahead(self, clock: Clock, now: float) -> bool:
        """Whether the failure lies in the future: a clock that can be set was set back."""
        return now < self.at if self.boot == clock.boot else not clock.boot and clock.wall() < self.wall


class Lockout:
    """Failed attempts in a row, kept in `file` where one is given, else in memory.

    Times (`now`) are of `clock.uptime`, or of any one clock without a file. Every method raises StorageError where the
    file cannot be written, so that nobody is accepted whose failures would not count.
    """

    def __init__(self, file: Path | None = None, clock: Clock | None = None, *, enabled: bool = True) -> None:
        """Continue from the state in the file, and write it once.

        enabled: False counts nothing and never locks. `notice` is then a sentence about a damaged file, or "".
        """
        self.clock = clock or (system_clock() if file else Clock("", time.monotonic, time.time))
        self.notice = ""
        self._file, self._enabled = file if enabled else None, enabled
        self._state = Failures()
        if self._file is not None:
            self._write(self._file, lambda state: state, self.clock.uptime())

    @property
    def failures(self) -> int:
        """Failed attempts in a row up to the last call."""
        return self._state.failures

    def remaining(self, now: float) -> float:
        """Seconds until the next attempt counts, 0 where it counts now; failures of other processes count too."""
        if self._file is not None:
            found = _read(self._file)
            if found is None:
                self._change(lambda state: state, now)
            else:
                self._state = found
        if self._state.is_ahead(self.clock, now):
            self._change(lambda state: self._stamped(state.failures, state.length, now), now)
        return self._state.remaining(self.clock, now)

    def fail(self, now: float) -> float:
        """Count one failed attempt; returns the seconds that it locks for."""
        if not self._enabled:
            return 0.0

        def one_more(state: Failures) -> Failures:
            failures = min(state.failures + 1, MOST_COUNTED)
            length = max(_delay(failures), state.remaining(self.clock, now))
            return self._stamped(failures, length, now)

        self._change(one_more, now)
        return self._state.length

    def succeed(self) -> None:
        """Reset the failures after an accepted attempt."""
        if self._state.failures:
            self._change(lambda _: Failures(), self.clock.uptime())

    def _change(self, change: Callable[[Failures], Failures], now: float) -> None:
        """Change the state, in the file where there is one."""
        if self._file is None:
            self._state = change(self._state)
        elif os.path.lexists(self._file) or lock_file(self._file).exists():
            self._write(self._file, change, now)
        else:  # the person was forgotten: no file comes back, and nobody is accepted
            self._state = self._stamped(FAILURES, MOST_DELAY, now)

    def _write(self, file: Path, change: Callable[[Failures], Failures], now: float) -> None:
        """Read, change and write the file under its lock."""
        lock = lock_file(file)
        with _refusing(), storage_errors(file.parent), locked(lock):
            found, used = _read(file), lock.stat().st_size > 0
            if found is None and (used or os.path.lexists(file)):
                self.notice = (
                    f"the count of failed attempts, {file}, is damaged or missing: one lock of {MOST_DELAY:g} s"
                )
                found = self._stamped(FAILURES, MOST_DELAY, now)
            self._state = change(found or Failures())
            write_json(file, vars(self._state), mode=0o600)
            if not used:  # last, since the lock is on the file that this replaces
                write_bytes(lock, USED, mode=0o600)

    def _stamped(self, failures: int, length: float, now: float) -> Failures:
        return Failures(failures, length, self.clock.boot, now, self.clock.wall())


def open_lockout(bundle: Path) -> Lockout:
    """The lockout of the bundle at this path; its file is in the data directory, made where it is missing."""
    with _refusing():
        private_data_home()
    return Lockout(attempts_file(bundle))


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """StorageError within the block gets its consequence for a verifier, and the way around."""
    try:
        yield
    except StorageError as problem:
        raise StorageError(
            f"failed attempts cannot be counted, so nobody is accepted: {problem}; --no-lockout goes without"
        ) from problem


def attempts_file(bundle: Path) -> Path:
    """Where failed attempts at a bundle are counted: a file of the data directory, named by the bundle's path."""
    key = hashlib.sha256(os.fsencode(bundle.resolve())).hexdigest()[:16]
    return data_home() / f"attempts-{key}.json"


def lock_file(attempts: Path) -> Path:
    """The file that is locked while `attempts` is read and written; it holds USED once there was a state."""
    return attempts.with_suffix(".lock")


def _delay(failures: int) -> float:
    """Seconds that the failure of this number in a row locks for."""
    beyond = failures - FAILURES
    return 0.0 if beyond < 0 else min(FIRST_DELAY * 2 ** min(beyond, 10), MOST_DELAY)


def _read(file: Path) -> Failures | None:
    """The state in the file; None where it is missing, no plain file, or holds anything but a state."""
    try:
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)  # opening a FIFO would wait for a writer
        with os.fdopen(os.open(file, flags), "rb") as stream:
            data = stream.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            return None
        found = parse_json(data, file.name)
        exact_keys(found, KEYS, file.name)
        if not isinstance(found["boot"], str):
            return None
        return Failures(
            whole(found["failures"], "failures", most=MOST_COUNTED),
            number(found["length"], "length", most=MOST_DELAY),
            found["boot"],
            number(found["at"], "at", most=MOST_SECONDS),
            number(found["wall"], "wall", least=-MOST_SECONDS, most=MOST_SECONDS),
        )
    except (OSError, BundleError):
        return None
