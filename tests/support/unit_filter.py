"""The system call filter of the Pi's unit, built from its lines and the groups of the installed systemd."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "deploy" / "pi" / "facedge@.service"
SOURCE = ROOT / "tests" / "deploy" / "under_filter.c"
CANNOT_FILTER = 125  # under_filter's exit code


def settings() -> dict[str, list[str]]:
    """Every setting of the unit: its values in order."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def groups() -> dict[str, list[str]]:
    """The members of every group of system calls (calls and other groups), as this systemd defines them."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze, which lists the groups of system calls, is not installed")
    done = subprocess.run([tool, "syscall-filter"], capture_output=True, text=True, check=False)
    found: dict[str, list[str]] = {}
    name = ""
    for line in done.stdout.splitlines():
        if line.startswith("@"):
            name = line.strip()
            found[name] = []
        elif name and line.startswith(" ") and not line.strip().startswith("#"):
            found[name].append(line.strip())
    if "@system-service" not in found:
        pytest.skip(f"systemd-analyze lists no groups: {done.stderr.strip() or 'no output'}")
    return found


def members(name: str, known: dict[str, list[str]]) -> set[str]:
    """The calls of a group, or the call itself."""
    if not name.startswith("@"):
        return {name}
    return set().union(*(members(member, known) for member in known[name]))


def allowed_calls(lines: list[str], known: dict[str, list[str]]) -> set[str]:
    """systemd.exec(5): the first line allows; a later one adds, or takes away where it starts with ~."""
    assert not lines[0].startswith("~"), "a list of what is denied would allow everything else"
    allowed = members("@default", known)  # always allowed
    for line in lines:
        named: set[str] = set().union(*(members(name, known) for name in line.removeprefix("~").split()))
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


def build(folder: Path, *, denied: str) -> Path:
    """under_filter, compiled with the unit's allowed calls."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("a seccomp filter needs Linux and a C compiler (cc)")
    calls = sorted(allowed_calls(settings()["SystemCallFilter"], groups()))
    (folder / "calls.h").write_text("".join(f"#ifdef __NR_{c}\nALLOW(__NR_{c})\n#endif\n" for c in calls))
    program = folder / "under_filter"
    option = [f"-DDENIED={denied}"] if denied else []
    subprocess.run([compiler, "-I", str(folder), *option, str(SOURCE), "-o", str(program)], check=True)
    if subprocess.run([program, "/bin/true"], capture_output=True, check=False).returncode == CANNOT_FILTER:
        pytest.skip("this system allows no seccomp filter")
    return program


def as_the_unit() -> str:
    """What a denied call gives under the unit, as the C source names it."""
    (number,) = settings()["SystemCallErrorNumber"]
    return f"SECCOMP_RET_ERRNO|{number}"
