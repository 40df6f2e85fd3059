"""The soak test: `facedge verify --watch` before two videos, with faults, for as long as one likes.

    python tests/soak/soak.py [--seconds 1800] [--data FOLDER] [-o REPORT.json]

Seven tenths of the time one process runs, through cameras that raise, give nothing, hang, are black or frozen, through
other people until it locks, and through a wall clock that jumps by a day. The rest goes to rounds in which it has to
end and is started again: its bundle is updated, the disk is full, SIGTERM, SIGKILL. Wrong are an accept of other
people, any decision while the camera is lost or attempts are locked, an event without a cause, a missing event, and
growing memory, file descriptors or threads. Exit code 1 then.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
from control import Control, Fault, Scene, percentile
from watched import SLACK, Judge, SoakError, Watched

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
VIDEOS = ("one_face_960x540.mp4", "many_faces_640x360.mp4")
LONG_PART = 0.7  # of the time, before the rounds that end the process
DAY = 86_400  # seconds
LOCK = 30.0  # seconds of the first lock
STALL, MAX_DELAY = 4.0, 2.0  # as in service.py
LEFT = 1.5  # seconds without a face after which the next frames are another attempt, with an accept of its own
ACCEPT, MANY_FACES = 8.0, 15.0  # seconds in which the enrolled person is accepted, and other people fail five times
AVERAGED = 15.0  # seconds of samples whose median counts
MOST_GROWTH = 6_000_000  # bytes between the first round of faults and the end
DISK = 96_000_000  # bytes: room for an enrollment of 12 MB beside the one it replaces


class Soak:
    """The folders, the process, and what was done and found."""

    def __init__(self, data: Path, work: Path) -> None:
        """Enroll the person of the first video, from its first four seconds."""
        self.videos = [data / "video" / name for name in VIDEOS]
        self.home, self.control = work / "data", Control(work / "control")
        self.judge, self.done = Judge(self.control), dict[str, int]()
        self.environment = os.environ | {"XDG_DATA_HOME": str(self.home), "PYTHONPATH": str(ROOT)}
        self.watched: Watched | None = None
        self._photos = frames_of(self.videos[0], work / "photos")
        self._recording = f"{self.videos[0]}#t=0,4"
        self.facedge("enroll", "ana", "--camera", self._recording)

    def facedge(self, *words: str) -> None:
        """Run a command that has to end well."""
        command = [sys.executable, "-m", "facedge", *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SoakError(f"facedge {' '.join(words)} ended with {done.returncode}: {done.stderr[-500:]}")

    def start(self) -> Watched:
        """The process, once it has accepted the enrolled person."""
        self.judge.change(Fault.NONE)
        self.control.scene = Scene.ONE
        words = ["verify", "--camera", "0", "--watch", "--give-up", "60", "--bundle", "ana"]
        command = [sys.executable, HERE / "service.py", self.control.file, *self.videos, *words]
        self.watched = Watched([str(word) for word in command], self.environment, self.judge)
        self.watched.expect("started", 5)
        self.watched.expect("accept", ACCEPT + LOCK)  # failures of the process before may have locked
        self._did("start")
        return self.watched

    def camera_faults(self, watched: Watched) -> None:
        """The camera is lost in each way, comes back, and the person is accepted again."""
        for fault in list(Fault)[1:]:
            watched.forget_events()
            self.judge.change(fault)
            watched.expect("lost", STALL)
            watched.expect("waiting", 0)
            time.sleep(LEFT)
            self.judge.change(Fault.NONE)
            watched.expect("back", STALL + MAX_DELAY)
            watched.expect("accept", ACCEPT)
            self._did(f"camera {fault.name.lower()}")

    def lock(self, watched: Watched, jump: int) -> None:
        """Other people until the lock; meanwhile the wall clock jumps, which neither lengthens nor shortens it."""
        watched.forget_events()
        self.control.scene = Scene.MANY
        watched.expect("locked", MANY_FACES)
        began = time.monotonic()
        self.control.clock_offset += jump
        self.control.scene = Scene.ONE
        watched.expect("unlocked", LOCK)
        if not LOCK - 2 <= time.monotonic() - began <= LOCK + SLACK:
            raise SoakError(f"a lock of {LOCK:g} s took {time.monotonic() - began:.1f} s")
        watched.expect("accept", ACCEPT)
        self._did(f"lock, clock {'back' if jump < 0 else 'forward'}")

    def ends(self) -> None:
        """Each way to end: the bundle is updated or, in every other round, replaced; SIGTERM; SIGKILL; a full disk."""
        watched, update = self.start(), self.done.get("bundle updated", 0) == self.done.get("bundle replaced", 0)
        how = ("--update", "--from", str(self._photos)) if update else ("--replace", "--camera", self._recording)
        self.facedge("enroll", "ana", *how)
        watched.end(2, "bundle replaced", 2)
        self._did("bundle updated" if update else "bundle replaced")
        watched = self.start()
        watched.process.send_signal(signal.SIGTERM)
        watched.end(128 + signal.SIGTERM, "terminated", 2)
        self._did("SIGTERM")
        self.start().kill()
        self._did("SIGKILL")
        if self.home.is_mount():
            self.full_disk(self.start())

    def full_disk(self, watched: Watched) -> None:
        """A failed attempt that cannot be counted ends it, and no other one starts until there is room."""
        filler = self.home / "filler"
        with contextlib.suppress(OSError), filler.open("wb") as stream:
            while True:
                stream.write(bytes(1 << 12))
                stream.flush()
        self.control.scene = Scene.MANY
        watched.end(2, "nobody is accepted: the disk of", MANY_FACES)
        left = [path.name for path in (self.home / "facedge").iterdir() if ".tmp" in path.name]
        filler.unlink()
        if left:
            raise SoakError(f"the full disk left {left}")
        self._did("disk full")

    def _did(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1


def frames_of(video: Path, folder: Path) -> Path:
    """Three frames of the video as photos to add to an enrollment."""
    folder.mkdir()
    source = cv2.VideoCapture(str(video))
    for number in (150, 200, 250):
        source.set(cv2.CAP_PROP_POS_FRAMES, number)
        cv2.imwrite(str(folder / f"{number}.png"), source.read()[1])
    source.release()
    return folder


def run(soak: Soak, seconds: float) -> dict[str, Any]:
    """The whole test; the figures of the long part, and what was wrong."""
    began = time.monotonic()
    watched, warm = soak.start(), 0.0
    try:
        jump = -DAY
        while not warm or time.monotonic() - began < LONG_PART * seconds:
            soak.camera_faults(watched)
            warm = warm or time.monotonic()
            soak.lock(watched, jump)
            jump = -jump
        watched.process.terminate()
        watched.end(128 + signal.SIGTERM, "terminated", 2)
        rounds = 0
        while not rounds or time.monotonic() - began < seconds:
            soak.ends()
            rounds += 1
    except SoakError as problem:
        soak.judge.wrong.append(str(problem))
    return figures(soak, watched, warm) | {"seconds": round(time.monotonic() - began, 1)}


def figures(soak: Soak, watched: Watched, warm: float) -> dict[str, Any]:
    """The record that is printed. Resources are of the long part: after its first round of faults, at the end, most."""
    counts, wrong, end = soak.control.latencies(), list(soak.judge.wrong), watched.samples[-1].seconds
    first, last = watched.usual(warm, warm + AVERAGED), watched.usual(end - AVERAGED, end)
    if soak.control.wrong_accepts:
        wrong.append(f"{soak.control.wrong_accepts} accepts at frames of other people")
    if last.memory - first.memory > MOST_GROWTH:
        wrong.append(f"memory grew by {last.memory - first.memory:,} bytes")
    if last.descriptors > first.descriptors or last.threads > first.threads:
        wrong.append("file descriptors or threads grew")
    most = [max(column) for column in list(zip(*watched.samples, strict=True))[1:]]
    return {
        "wrong": wrong,
        "done": soak.done,
        "memory": [first.memory, last.memory, most[0]],
        "descriptors": [first.descriptors, last.descriptors, most[1]],
        "threads": [first.threads, last.threads, most[2]],
        "long_part_seconds": round(end - watched.samples[0].seconds, 1),
        "events": len(watched.events),
        "frames": int(counts.sum()),
        "frame_ms": {f"{share:.1%}": percentile(counts, share) for share in (0.5, 0.9, 0.99, 0.999)},
    }


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A small file system of its own at `folder` where this process may mount one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "facedge-soak", str(folder)]
    mounted = shutil.which("mount") and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description="The soak test of `facedge verify --watch`.")
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument("--data", type=Path, default=os.environ.get("FACEDGE_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, small_disk(Path(folder) / "data"):
        soak = Soak(options.data, Path(folder))
        try:
            found = run(soak, options.seconds)
        finally:
            if soak.watched is not None:
                soak.watched.kill()
    text = json.dumps(found, indent=2)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")
    sys.exit(1 if found["wrong"] else 0)


if __name__ == "__main__":
    main()
