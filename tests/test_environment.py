""".ci/environment.py: what a machine lacks is one sentence, before anything is made or downloaded."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / ".ci" / "environment.py"
BLOCK_ENSUREPIP = """
import importlib.abc, importlib.util, sys
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "ensurepip" else found(name, *rest)
"""
NO_HEADERS = """
import sysconfig
path_of = sysconfig.get_path
sysconfig.get_path = lambda key, *rest: "/absent" if "include" in key else path_of(key, *rest)
"""
OLD_PYTHON = """
import sys
sys.version_info = (3, 10, 2)
"""


@pytest.mark.parametrize(
    ("patch", "compiler", "lacks", "remedy"),
    [
        (BLOCK_ENSUREPIP, "", "the venv and ensurepip modules", "apt install python3"),
        (NO_HEADERS, "", "Python.h", "-dev"),
        ("", "no-such-compiler", "a C compiler (no-such-compiler)", "apt install gcc libc6-dev"),
        ("", "false", "the C library's headers", "apt install libc6-dev"),
        (BLOCK_ENSUREPIP + NO_HEADERS, "", "modules and Python's C headers", "-venv python3"),
        (OLD_PYTHON, "", "needs Python 3.11 or newer", "make PYTHON="),
    ],
)
def test_what_is_missing_is_one_sentence_and_nothing_is_made(
    tmp_path: Path, patch: str, compiler: str, lacks: str, remedy: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(patch)
    environment = {key: value for key, value in os.environ.items() if key != "CC"} | {"PYTHONPATH": str(tmp_path)}
    if compiler:
        environment["CC"] = compiler
    folder = tmp_path / "venv"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert lacks in done.stderr
    assert remedy in done.stderr
    assert not folder.exists()


def environment_module() -> Any:
    spec = importlib.util.spec_from_file_location("environment", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_half_made_environment_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = environment_module()
    folder = tmp_path / "venv"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)  # what `python -m venv` leaves where ensurepip is absent
    (folder / "lib").mkdir()
    made = []
    real = subprocess.run

    def run(command: list[str], **options: Any) -> Any:
        if command[1:3] == ["-m", "venv"]:
            made.append(command[3])
            assert not folder.exists()
            raise subprocess.CalledProcessError(1, command)
        if command[0] == str(folder / "bin" / "python"):  # a Python without pip
            return subprocess.CompletedProcess(command, 1)
        return real(command, **options)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(subprocess.CalledProcessError):
        module.make(folder)
    assert made == [str(folder)]
    assert not folder.exists()


@pytest.mark.parametrize(
    ("free", "cache", "installed", "refused"),
    [
        (11.4e9, True, False, True),
        (11.6e9, True, False, False),
        (8.5e9, False, False, True),
        (8.7e9, False, False, False),
        (1e9, True, True, False),
    ],
)
def test_a_disk_that_is_too_small_is_named_before_the_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, cache: bool, installed: bool, refused: bool
) -> None:
    """5.7 GB of environment, 2.9 GB of downloads, and the same again in pip's cache; with torch there it goes on."""
    module = environment_module()
    folder = tmp_path / "venv"
    (folder / "lib" / "python3.13" / "site-packages" / ("torch" if installed else "pip")).mkdir(parents=True)
    answer = subprocess.CompletedProcess([], 0, stdout=f"{tmp_path}/cache/pip\n" if cache else "")
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: answer)
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    if not refused:
        module.check_space(folder, module.CUDA)
        return
    with pytest.raises(
        module.NotEnoughSpaceError, match=rf"takes {11.5 if cache else 8.6} GB .* {free / 1e9:.1f} GB are"
    ):
        module.check_space(folder, module.CUDA)


def test_a_small_disk_in_memory_for_temporary_files_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """/tmp of Debian 13 is one."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second disk here")
    module = environment_module()
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1, stdout=""))
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(memory))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: SimpleNamespace(free=2e9 if path == memory else 6e9))
    with pytest.raises(module.NotEnoughSpaceError, match=r"takes 2\.9 GB on the disk of /dev/shm.*TMPDIR"):
        module.check_space(tmp_path, module.CUDA)


def test_too_little_space_ends_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = environment_module()

    def full(_: Path) -> None:
        raise module.NotEnoughSpaceError("takes 8.1 GB")

    monkeypatch.setattr(module, "missing", str)
    monkeypatch.setattr(module, "make", lambda _: None)
    monkeypatch.setattr(module, "install", full)
    assert module.main(tmp_path) == 1
    assert capsys.readouterr().err == "takes 8.1 GB\n"


def test_make_names_a_python_that_is_not_there(tmp_path: Path) -> None:
    command = ["make", "-C", str(ROOT), "lint", "PYTHON=no-such-python", f"VENV={tmp_path}/venv"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no no-such-python: on Debian and Ubuntu run apt install python3 python3-venv" in done.stdout
    assert not (tmp_path / "venv").exists()


def test_every_version_that_make_installs_is_locked() -> None:
    """Each requirement of pyproject.toml has its line in constraints.txt."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(need for extra in project["optional-dependencies"].values() for need in extra),
    ]
    locked = {
        line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")
    }
    missing = {re.split(r"[<>=\[;]", need)[0].strip().lower() for need in wanted} - locked
    assert missing == set()
