"""A small part of `make kernel-check`: the C kernel under sanitizers, and the same bits from every implementation."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
DRIVERS = sorted(path.stem.removeprefix("check_") for path in HERE.glob("check_*.c"))
CASES = 1000
# Changes only with the driver's cases or the definition's bits: then the algorithm's number in spec.py changes as well.
KNOWN = {
    "align": "0d36bf29fe0d5505",
    "enrollment": "be88ed5066aa7add",
    "faces": "4d4a9972bd2a6ab7",
    "prep": "88f9cf351891ce09",
}
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-ffp-contract=off"]
SANITIZERS = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def build(compiler: str, driver: str, output: Path, *flags: str) -> Path:
    ext = HERE.parents[1] / "ext"
    sources = [str(HERE / f"check_{driver}.c"), *map(str, sorted(ext.glob("*.c")))]
    command = [compiler, *FLAGS, *flags, f"-I{ext}", *sources, "-o", str(output), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and "-fsanitize" in " ".join(flags) and "cannot find" in done.stderr:
        pytest.skip("the compiler has no sanitizers")
    assert done.returncode == 0, done.stderr
    return output


def hashes(*command: str | Path, cases: int = CASES) -> dict[str, str]:
    """What the driver printed: implementation -> hash."""
    done = subprocess.run([*map(str, command), str(cases)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    pairs = dict(line.split() for line in done.stdout.splitlines())
    assert int(pairs.pop("calls")) >= cases
    return pairs


@pytest.fixture(scope="module")
def compiler() -> str:
    found = shutil.which(os.environ.get("CC", "cc"))
    if found is None:
        pytest.skip("no C compiler here")
    return found


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_implementation_of_this_cpu_gives_the_known_bits(driver: str, compiler: str, tmp_path: Path) -> None:
    found = hashes(build(compiler, driver, tmp_path / driver, "-O2"))
    assert "portable" in found
    assert len(set(found.values())) == 1
    if driver in KNOWN:
        assert found["portable"] == KNOWN[driver]


@pytest.mark.parametrize("driver", DRIVERS)
def test_random_calls_pass_the_sanitizers(driver: str, compiler: str, tmp_path: Path) -> None:
    found = hashes(build(compiler, driver, tmp_path / driver, *SANITIZERS))
    assert len(set(found.values())) == 1


@pytest.mark.slow
@pytest.mark.parametrize("driver", DRIVERS)
def test_aarch64_gives_the_same_bits(driver: str, compiler: str, tmp_path: Path) -> None:
    if platform.machine() == "aarch64":
        pytest.skip("this is an aarch64: the other tests cover it")
    cross, qemu = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64-static")
    if cross is None or qemu is None:
        pytest.skip("needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user-static")
    arm = hashes(qemu, "-cpu", "cortex-a53", build(cross, driver, tmp_path / "arm", "-O2", "-static"), cases=300)
    assert "neon" in arm
    assert set(arm.values()) == set(hashes(build(compiler, driver, tmp_path / "here", "-O2"), cases=300).values())


def test_each_source_compiles_alone(compiler: str, tmp_path: Path) -> None:
    for source in (HERE.parents[1] / "ext").glob("*.c"):
        command = [compiler, *FLAGS, "-O2", "-c", str(source), "-o", str(tmp_path / "object.o")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
