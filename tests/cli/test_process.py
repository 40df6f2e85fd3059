"""`facedge` as a process: what it says is said, whatever becomes of it, and its exit code is the command's."""

import subprocess
import sys
from pathlib import Path

import pytest

FACEDGE = [sys.executable, "-W", "error", "-m", "facedge"]


def test_what_is_said_is_there_when_the_process_ends(tiny_bundle: Path) -> None:
    done = subprocess.run([*FACEDGE, "bundle", "show", str(tiny_bundle)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and tiny_bundle.stem in done.stdout and done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_an_error() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*FACEDGE, "doctor"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2


def test_a_command_is_found_among_all_and_alone() -> None:
    for words, said in ((["verfy"], "No such command 'verfy'"), (["bundle", "shwo"], "No such command 'shwo'")):
        done = subprocess.run([*FACEDGE, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 2 and said in done.stderr
    done = subprocess.run([*FACEDGE, "-q", "train", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "backbone" in done.stdout and "head" in done.stdout


def test_a_command_imports_no_other() -> None:
    script = "import sys; from facedge.cli import application; application('doctor'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found = {name for name in done.stdout.split() if name.startswith("facedge.cli.")}
    assert {name for name in found if not name.startswith("facedge.cli._")} == {"facedge.cli.doctor"}
