"""`facedge verify --camera --watch` as a process before a stub camera: how it ends, with which code and sentence."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

STUB = Path(__file__).resolve().parents[1] / "support" / "stub_camera.py"
Start = Callable[..., subprocess.Popen[str]]

pytestmark = pytest.mark.usefixtures("detector")


@pytest.fixture
def start(tiny_bundle: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts `verify --camera 0 --watch` with a stub camera of a kind; what still runs at the end is killed."""
    processes: list[subprocess.Popen[str]] = []

    def start_it(kind: str, *options: str, stall: float = 0.3) -> subprocess.Popen[str]:
        words = [sys.executable, str(STUB), kind, "verify", "--camera", "0", "--bundle", str(tiny_bundle), *options]
        home = {"XDG_DATA_HOME": str(tmp_path / "data"), "STALL": str(stall)}
        made = subprocess.Popen(words, env=os.environ | home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(made)
        return made

    yield start_it
    for process in processes:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[str], kind: str) -> list[dict[str, Any]]:
    """The events up to the first of this kind."""
    assert process.stdout is not None
    found: list[dict[str, Any]] = []
    for line in process.stdout:
        found.append(json.loads(line))
        if found[-1]["event"] == kind:
            return found
    raise AssertionError(f"no {kind} in {found}: {process.communicate()[1]}")


def test_sigterm_ends_it_within_a_second(start: Start) -> None:
    process = start("noise", "--watch", stall=15)
    wait_for(process, "state")
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - began < 3  # a second on a machine with nothing else to do
    assert process.returncode == 143
    assert err == ""
    (ended,) = (json.loads(line) for line in out.splitlines())
    assert (ended["event"], ended["reason"]) == ("ended", "terminated")


def test_sigterm_ends_it_while_the_capture_call_hangs(start: Start) -> None:
    process = start("hang", "--watch", stall=15)
    wait_for(process, "state")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("hang", "no frame for"),
        ("raise", "the bus is gone"),
        ("nothing", "no frame came"),
        ("black", "black frames"),
        ("same", "the same frame"),
    ],
)
def test_a_blind_camera_ends_it_with_one_sentence(start: Start, kind: str, reason: str) -> None:
    process = start(kind, "--watch", "--give-up", "1.5")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    (sentence,) = err.splitlines()
    assert "/dev/video0 gave no usable frame for 1.5 s (" in sentence
    events = [json.loads(line) for line in out.splitlines()]
    told = [event["event"] for event in events if event["event"] in ("lost", "waiting", "back")]
    assert told[:2] == ["lost", "waiting"]
    assert reason in next(event["reason"] for event in events if event["event"] == "lost")


def test_it_stops_when_its_bundle_is_deleted(start: Start, tiny_bundle: Path) -> None:
    process = start("noise", "--watch", stall=15)
    wait_for(process, "state")
    shutil.rmtree(tiny_bundle)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert json.loads(out.splitlines()[-1])["reason"] == "bundle deleted"
    assert "was deleted while it was in use, so nobody is accepted" in err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_directory_that_cannot_be_written_refuses_at_the_start(start: Start, tmp_path: Path) -> None:
    (tmp_path / "data" / "facedge").mkdir(parents=True, mode=0o500)
    process = start("noise", "--watch")
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, "")
    assert "nobody is accepted" in err
    process = start("noise", "--watch", "--no-lockout", "--timeout", "0.5")
    assert process.wait(20) == 1


def test_where_failures_cannot_be_counted_it_refuses_at_the_start(start: Start, tmp_path: Path) -> None:
    """A folder in the place of the file is as little writable for root as for anybody."""
    from facedge.live.lockout import attempts_file

    home = tmp_path / "data" / "facedge"
    name = attempts_file(tmp_path / "tiny.facedge").name
    (home / name).mkdir(parents=True)
    process = start("noise", "--watch")
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, "")
    assert "failed attempts cannot be counted, so nobody is accepted" in err
    assert len(err.splitlines()) <= 2
    process = start("noise", "--watch", "--no-lockout", "--timeout", "0.5")
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (1, "")
