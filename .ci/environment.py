"""Makes the virtual environment in which the Makefile's targets run; needs nothing but Python itself.

python3 .ci/environment.py FOLDER

The machine is checked first: what is missing ends in one sentence, before anything is made or downloaded. A folder
in which pip does not run, such as one left by an interrupted call, is made again. Versions come from constraints.txt.
"""

from __future__ import annotations  # so that older Pythons reach the check of their version

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
OLDEST = (3, 11)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


class Build(NamedTuple):
    """A build of torch, and the GB that the whole environment with it takes on disk and to download."""

    name: str
    disk: float
    download: float

    def __str__(self) -> str:
        return (
            f"the {self.name} build; the whole environment takes {self.disk} GB on disk, {self.download} GB to download"
        )


# x86-64, torch 2.13.0: `du` of the environment and of what pip had downloaded, Python 3.11 and 3.13.
CPU = Build("CPU", 1.6, 0.4)
CUDA = Build("CUDA", 5.7, 2.9)


class NotEnoughSpaceError(Exception):
    """An installation that the disk has no room for."""


def missing() -> str:
    """What this machine lacks to build facedge, as one sentence with its remedy; empty where nothing is missing."""
    version = "{}.{}.{}".format(*sys.version_info)
    if sys.version_info < OLDEST:
        return f"facedge needs Python 3.11 or newer, {sys.executable} is {version}: run make PYTHON=/path/to/python3"
    name = Path(sys.executable).name
    prefix = name if name.startswith("python3.") else "python3"  # packages are called python3-dev, python3.12-dev
    lacks = []
    if not all(map(importlib.util.find_spec, ("venv", "ensurepip"))):
        lacks.append(("the venv and ensurepip modules", f"{prefix}-venv"))
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if not shutil.which(compiler[0]):
        lacks.append((f"a C compiler ({compiler[0]})", "gcc libc6-dev"))
    headers = [Path(sysconfig.get_path(key)) for key in ("include", "platinclude")]
    if not any((folder / "Python.h").is_file() for folder in headers):
        lacks.append((f"Python's C headers ({headers[0]}/Python.h)", f"{prefix}-dev"))
    if not lacks and not compiles(compiler, headers):
        lacks.append((f"the C library's headers ({compiler[0]} cannot compile a file with Python.h)", "libc6-dev"))
    if not lacks:
        return ""
    what = " and ".join(thing for thing, _ in lacks)
    packages = " ".join(package for _, package in lacks)
    return f"Python {version} at {sys.executable} lacks {what}: on Debian and Ubuntu run apt install {packages}"


def compiles(compiler: list[str], headers: list[Path]) -> bool:
    """Whether the compiler accepts a C file that includes Python.h."""
    command = [*compiler, *(f"-I{folder}" for folder in headers), "-fsyntax-only", "-x", "c", "-"]
    done = subprocess.run(command, input=b"#include <Python.h>\n", capture_output=True, check=False)
    return done.returncode == 0


def make(folder: Path) -> None:
    """A virtual environment with a pip that runs; a failed attempt leaves no folder."""
    check = [str(folder / "bin" / "python"), "-c", f"import sys, pip; sys.exit(sys.version_info < {OLDEST})"]
    if folder.exists():
        try:
            if subprocess.run(check, capture_output=True, check=False).returncode == 0:
                return
        except OSError:
            pass
        say(f"{folder} is no working environment: making it again")
        shutil.rmtree(folder)
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def install(folder: Path) -> None:
    """facedge, editable and with the compiled kernel, and every package that its targets need."""
    first = not (folder / ".ready").exists()
    if first:
        say(f"installing facedge and what training and the tests need into {folder} (versions: constraints.txt)")
        install_torch(folder)
    quiet = [] if first else ["--quiet"]
    pip(folder, "install", *quiet, "setuptools", "cython")
    target = ["--no-build-isolation", "--editable", f"{ROOT}[train,detect,heic,dev]"]
    pip(folder, "install", *quiet, *target, FACEDGE_REQUIRE_KERNEL="1")


def install_torch(folder: Path) -> None:
    """The CPU build of torch where one is offered, otherwise the one that pip finds, with its size announced."""
    torch = next(line for line in CONSTRAINTS.read_text().splitlines() if line.startswith("torch=="))
    for index in ([], ["--index-url", CPU_INDEX, "--retries", "0", "--timeout", "10"]):
        found = offered(folder, torch, index)
        if found and not any(need.startswith(("nvidia", "cuda")) for need in found):
            say(f"{torch}: {CPU}")
            check_space(folder, CPU)
            pip(folder, "install", *index[:2], "--no-deps", torch)
            return
    if sys.platform == "linux":
        say(f"{torch}: no CPU build is offered here, so it is {CUDA}")
        check_space(folder, CUDA)


def check_space(folder: Path, build: Build) -> None:
    """NotEnoughSpaceError where a disk has no room for what comes onto it: the environment, pip's downloads, its cache.

    The downloads lie in the folder for temporary files until they are installed, which may be a small disk in memory.
    """
    if list(folder.glob("lib/python*/site-packages/torch")):
        return  # most of it is there: an interrupted installation goes on
    cache = subprocess.run([*pip_command(folder), "cache", "dir"], capture_output=True, text=True, check=False)
    comes = [(folder, build.disk), (Path(tempfile.gettempdir()), build.download)]
    comes += [(Path(line), build.download) for line in cache.stdout.splitlines()]  # none where the cache is off
    needed: dict[int, float] = {}
    for path, size in comes:
        place = next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists())
        needed[place.stat().st_dev] = needed.get(place.stat().st_dev, 0) + size
        free, takes = shutil.disk_usage(place).free / 1e9, needed[place.stat().st_dev]
        if free < takes:
            raise NotEnoughSpaceError(
                f"the installation takes {takes:.1f} GB on the disk of {place}, and {free:.1f} GB are free there: make "
                "room, or name folders on other disks: make VENV=FOLDER, and TMPDIR and PIP_CACHE_DIR for the downloads"
            )


def offered(folder: Path, requirement: str, options: list[str]) -> list[str]:
    """What the build that pip would take for `requirement` needs itself; empty where there is none."""
    command = [*pip_command(folder), "install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet", *options]
    done = subprocess.run([*command, "--report", "-", requirement], capture_output=True, text=True, check=False)
    try:
        return list(json.loads(done.stdout)["install"][0]["metadata"]["requires_dist"])
    except (ValueError, LookupError):
        return []


def pip(folder: Path, *arguments: str, **environment: str) -> None:
    """Run pip, its output shown."""
    command = [*pip_command(folder), arguments[0], "--constraint", str(CONSTRAINTS), *arguments[1:]]
    subprocess.run(command, env={**os.environ, **environment}, check=True)


def pip_command(folder: Path) -> list[str]:
    """pip of the virtual environment."""
    return [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]


def say(text: str) -> None:
    """One line of progress."""
    print(text, flush=True)


def main(folder: Path) -> int:
    """0 where the environment is complete; 1 with a sentence where it could not be made."""
    problem = missing()
    if problem:
        print(problem, file=sys.stderr)
        return 1
    try:
        make(folder)
        install(folder)
    except NotEnoughSpaceError as problem:
        print(problem, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as failed:
        command = shlex.join(failed.cmd[1:])
        print(f"python {command} failed, see above: run make again to go on where it stopped", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
