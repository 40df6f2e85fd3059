"""kill -9 at system calls of enroll, update, replace and forget: the old bundle or the new one, and forget leaves none.

strace injects the signal when a call begins, so that the call itself does not happen. The calls are all those that name
the data directory or a descriptor in it: no other one changes what is there. FACEDGE_KILL_EVERY=1 takes each of
them (`make kill-check`, half an hour), otherwise every so many.
"""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from live_bundle import picture, write_template
from PIL import Image

from facedge.bundle import read_bundle
from facedge.bundle.format import MANIFEST
from facedge.bundle.resolve import bundle_of, data_home
from facedge.enrollment import store
from facedge.errors import BundleError
from facedge.live.lockout import Lockout, attempts_file
from facedge.types import Float32Array

EVERY = int(os.environ.get("FACEDGE_KILL_EVERY", "40"))
CALL = re.compile(r"(\w+)\(")
ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {  # the words, and whether ana is enrolled before
    "enroll": (["enroll", "ana", "--from", "a", "-b", "base.facedge"], False),
    "replace": (["enroll", "ana", "--from", "b", "-b", "base.facedge", "--replace"], True),
    "update": (["enroll", "ana", "--from", "b", "--update"], True),
    "forget": (["forget", "ana", "--yes"], True),
}

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a template and photos of one person in two folders; its data directory is empty."""
    write_template(tmp_path / "base.facedge")
    for name, takes in {"a": range(3), "b": range(3, 6)}.items():
        (tmp_path / name).mkdir()
        for take in takes:
            Image.fromarray(picture(0, take)).save(tmp_path / name / f"{take}.png")
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_DATA_HOME", "HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return tmp_path


@dataclass(frozen=True)
class Point:
    """The `number`th call of this name in a run."""

    call: str
    number: int


def facedge(words: list[str], *before: str) -> subprocess.CompletedProcess[str]:
    command = [*before, sys.executable, "-m", "facedge", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def points_of(words: list[str], log: Path) -> list[Point]:
    """The calls of a whole run that touch the data directory."""
    done = facedge(words, "strace", "-y", "-o", str(log), "-e", "trace=%file,%desc")
    if done.returncode and "ptrace" in done.stderr:
        pytest.skip(f"strace may not trace here: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    counts: Counter[str] = Counter()
    found = []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if match := CALL.match(line):
            counts[match[1]] += 1
            if str(data_home()) in line:
                found.append(Point(match[1], counts[match[1]]))
    return found


def samples() -> Float32Array | None:
    """What ana is enrolled with; None where no command opens a bundle of ana. A damaged bundle raises."""
    bundle = bundle_of("ana")
    return store.enrolled_before(read_bundle(bundle)) if (bundle / MANIFEST).exists() else None


def traces(known: list[Float32Array | None]) -> list[Path]:
    """Files below the home directory, and all that hold the bytes of an embedding."""
    rows = [row.tobytes() for found in known if found is not None for row in found]
    files = [path for path in data_home().parent.rglob("*") if path.is_file()]
    if data_home().exists():
        assert sorted(data_home().iterdir()) == []
    return [path for path in files if any(row in path.read_bytes() for row in rows)]


def restored(old: Path | None) -> None:
    shutil.rmtree(data_home(), ignore_errors=True)
    data_home().parent.mkdir(exist_ok=True)
    if old is not None:
        shutil.copytree(old, data_home())


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace: apt install strace")
@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_its_system_calls(folder: Path, name: str) -> None:
    words, enrolled = COMMANDS[name]
    restored(None)
    old = folder / "old" if enrolled else None
    if old is not None:
        assert facedge(COMMANDS["enroll"][0]).returncode == 0
        Lockout(attempts_file(bundle_of("ana"))).fail(0.0)
        data_home().rename(old)
    restored(old)
    before = samples()
    points = points_of(words, folder / "log")
    after = samples()
    assert (after is None) == (name == "forget")
    assert len(points) > 30
    outcomes: Counter[str] = Counter()
    for point in points[len(points) // 2 % EVERY :: EVERY]:
        restored(old)
        inject = f"inject={point.call}:signal=KILL:when={point.number}"
        killed = facedge(words, "strace", "-o", "/dev/null", "-e", f"trace={point.call}", "-e", inject)
        outcomes["killed" if killed.returncode in (-9, 137) else "ended"] += 1
        found = samples()
        outcomes[f"samples: {0 if found is None else len(found)}"] += 1
        assert same(found, before) or same(found, after), point
        try:
            store.forget(bundle_of("ana"))
        except BundleError as nothing_left:
            assert "no personal bundle there" in str(nothing_left), point
        assert traces([before, after]) == [], point
    print(f"{name}: {len(points)} points, {dict(outcomes)}")
    assert outcomes["killed"] >= 0.9 * (outcomes["killed"] + outcomes["ended"])


def same(a: Float32Array | None, b: Float32Array | None) -> bool:
    return (a is None and b is None) or (a is not None and b is not None and a.tobytes() == b.tobytes())
