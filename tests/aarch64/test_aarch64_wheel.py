"""The aarch64 wheel, cross-compiled, gives the golden vectors under qemu; the check notices where one is off."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")
import tiny_bundle
from unit_filter import as_the_unit, build
from wrong_vectors import with_wrong_vector

from facedge.bundle import Bundle, write_bundle
from facedge.runtime.golden import golden_files

HERE = Path(__file__).resolve().parent
SKIPPED = 77


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    files, manifest = tiny_bundle.files(), tiny_bundle.manifest()
    kit = golden_files(Bundle(tmp_path, manifest, files, ""))
    return write_bundle(tmp_path / "tiny.facedge", files | kit, manifest).path


def check_here(bundle: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(HERE / "golden.py"), str(bundle)], capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() == "aarch64", reason="this machine is aarch64: the other tests cover it")
def test_the_cross_compiled_wheel_gives_the_golden_vectors_under_the_unit_s_filter(
    bundle: Path, tmp_path: Path
) -> None:
    """numpy, onnxruntime and the kernel for aarch64; the filter is on qemu, which makes their system calls here."""
    environment = {**os.environ, "PYTHON": sys.executable}
    environment["FACEDGE_AARCH64_UNDER"] = str(build(tmp_path, denied=as_the_unit()))
    command = [str(HERE / "run.sh"), str(bundle)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=1200)
    if done.returncode == SKIPPED:
        pytest.skip(done.stderr.strip().splitlines()[-1].removeprefix("skipped: "))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("wheel: facedge-") and lines[0].endswith("_aarch64.whl")
    assert "machine: aarch64, kernel: neon" in lines and lines[-1].startswith("fine: 0 values off in 3 tensors")


def test_a_missing_tool_is_said_in_one_sentence(tmp_path: Path, bundle: Path) -> None:
    for tool in ("bash", "dirname", "realpath", "mktemp", "rm"):
        found = next(Path(folder) / tool for folder in ("/usr/bin", "/bin") if (Path(folder) / tool).exists())
        (tmp_path / tool).symlink_to(found)
    environment = {"PATH": str(tmp_path), "TMPDIR": str(tmp_path)}
    command = [str(tmp_path / "bash"), str(HERE / "run.sh"), str(bundle)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == SKIPPED
    assert done.stderr == "skipped: no qemu-aarch64: apt-get install qemu-user-static\n"
    assert not list(tmp_path.glob("tmp.*"))  # it cleans up after itself


def test_the_check_accepts_what_this_machine_wrote(bundle: Path) -> None:
    done = check_here(bundle)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("fine: 0 values off in 3 tensors, outputs off by at most")


@pytest.mark.parametrize("what", ["tensor", "attributes", "embedding", "probability"])
def test_the_check_notices_a_wrong_vector(bundle: Path, tmp_path: Path, what: str) -> None:
    done = check_here(with_wrong_vector(bundle, tmp_path / "other.facedge", what, 2e-5))
    assert done.returncode == 1 and done.stdout.splitlines()[-1].startswith("wrong: ")
    assert ("wrong: 1 values off" in done.stdout) == (what == "tensor")
