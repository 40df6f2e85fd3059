"""One `facedge verify --watch` process under the soak test: its events, judged as they come, and its resources."""

import json
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from control import Control, Fault

SLACK = 45.0  # seconds more than what is expected, on a machine with other work
SETTLES = 5.0  # seconds after a fault in which events may still be due to it
FAILURES = 5  # in a row until a lock


class Sample(NamedTuple):
    """Resident memory in bytes, open file descriptors and threads, at a time."""

    seconds: float
    memory: int
    descriptors: int
    threads: int


class SoakError(Exception):
    """What was expected did not happen, or something else did."""


@dataclass
class Judge:
    """Which events are wrong, given what was wrong with the camera."""

    control: Control
    wrong: list[str] = field(default_factory=list)
    rejects: int = 0
    lost: bool = False
    locked: bool = False
    changed: float = 0.0  # when the fault was changed last

    def change(self, fault: Fault) -> None:
        """Change what is wrong with the camera."""
        self.changed = time.monotonic()
        self.control.fault = fault

    def event(self, found: dict[str, Any]) -> None:
        """One more event."""
        kind, settled = found["event"], time.monotonic() - self.changed > SETTLES
        if kind in ("accept", "reject") and (self.lost or self.locked):
            self._wrong(found, "while the camera was lost or attempts were locked")
        if kind == "lost" and self.control.fault == Fault.NONE and settled:
            self._wrong(found, "without a fault")
        if kind == "locked" and self.rejects < FAILURES:
            self._wrong(found, f"after {self.rejects} failed attempts")
        if kind == "accept":
            self.rejects = 0
        self.rejects += kind == "reject"
        self.lost = kind in ("lost", "waiting") or (self.lost and kind != "back")
        self.locked = kind == "locked" or (self.locked and kind != "unlocked")

    def restarted(self) -> None:
        """A new process begins without a lost camera; the failures are kept."""
        self.lost = self.locked = False

    def _wrong(self, found: dict[str, Any], why: str) -> None:
        self.wrong.append(f"{found['event']} {why}: {json.dumps(found)}")


class Watched:
    """The process."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], judge: Judge) -> None:
        """Start it; two threads read what it prints, a third one takes a sample each second."""
        judge.restarted()
        self.samples: list[Sample] = []
        self.events: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self._judge, self._seen = judge, 0
        self._came = threading.Condition()
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._readers = [threading.Thread(target=target, daemon=True) for target in (self._read, self._complain)]
        for thread in (*self._readers, threading.Thread(target=self._sample, daemon=True)):
            thread.start()

    def expect(self, kind: str, within: float) -> dict[str, Any]:
        """The next event of this kind that was not expected yet; SoakError where none comes."""
        until = time.monotonic() + within + SLACK
        with self._came:
            while True:
                for number in range(self._seen, len(self.events)):
                    if self.events[number]["event"] == kind:
                        self._seen = number + 1
                        return self.events[number]
                left = until - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    break
                self._came.wait(min(left, 0.5))
        told = [event["event"] for event in self.events[self._seen :]]
        raise SoakError(f"no {kind} within {within + SLACK:g} s, but {told[-10:]}; {self.errors[-3:]}")

    def forget_events(self) -> None:
        """Events up to now are not expected any more."""
        self._seen = len(self.events)

    def end(self, code: int, reason: str, within: float) -> None:
        """SoakError unless it ends with this code, and with an event or a sentence that holds this reason."""
        try:
            found = self.process.wait(within + SLACK)
        except subprocess.TimeoutExpired as problem:
            raise SoakError(f"it did not end within {within + SLACK:g} s: expected {reason}") from problem
        for thread in self._readers:
            thread.join(SLACK)
        told = [*map(str, self.events[-1:]), *self.errors]
        if found != code or not any(reason in text for text in told):
            raise SoakError(f"expected exit code {code} and {reason!r}, got {found} and {told}")

    def kill(self) -> None:
        """End it at once, if it still runs."""
        self.process.kill()
        self.process.wait()

    def usual(self, start: float, end: float) -> Sample:
        """The medians of the samples between two times of the monotonic clock."""
        chosen = [sample for sample in self.samples if start <= sample.seconds <= end] or self.samples[-1:]
        return Sample(end, *(round(statistics.median(column)) for column in list(zip(*chosen, strict=True))[1:]))

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found = json.loads(line)
            with self._came:
                self._judge.event(found)
                self.events.append(found)
                self._came.notify_all()

    def _complain(self) -> None:
        assert self.process.stderr is not None
        self.errors.extend(line.rstrip() for line in self.process.stderr)

    def _sample(self) -> None:
        place, page = Path(f"/proc/{self.process.pid}"), os.sysconf("SC_PAGE_SIZE")
        while self.process.poll() is None:
            try:
                memory = int((place / "statm").read_text().split()[1]) * page
                counts = (len(list((place / name).iterdir())) for name in ("fd", "task"))
            except OSError:  # it ended meanwhile
                return
            self.samples.append(Sample(time.monotonic(), memory, *counts))
            time.sleep(1)
