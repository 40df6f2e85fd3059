"""Which implementation runs: the fastest, the forced one, or numpy where no kernel was built. Imports stay cheap."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from facedge.errors import InputError
from facedge.preprocessing import implementation_name, kernel

REPOSITORY = Path(__file__).resolve().parents[2]


def run_python(code: str, **environment: str) -> str:
    env = {k: v for k, v in os.environ.items() if k != "FACEDGE_KERNEL"} | environment
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    return done.stdout.strip()


def test_the_fastest_available_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACEDGE_KERNEL", raising=False)
    assert implementation_name() == kernel.available()[-1]


def test_each_available_implementation_can_be_forced(implementation: str) -> None:
    assert implementation_name() == implementation


@pytest.mark.parametrize("name", ["sse9", "avx-512", "numpy2"])
def test_an_unknown_name_is_refused_with_the_known_ones(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDGE_KERNEL", name)
    with pytest.raises(InputError, match="numpy, portable, avx2, avx512, neon"):
        implementation_name()


def test_one_that_this_machine_lacks_is_refused_with_those_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = [name for name in kernel.NAMES if name not in kernel.available()]
    assert missing  # no CPU has both NEON and AVX
    for name in missing:
        monkeypatch.setenv("FACEDGE_KERNEL", name)
        with pytest.raises(InputError, match=r"use one of numpy"):
            implementation_name()


WITHOUT_KERNEL = """
import sys
sys.modules["facedge._kernel"] = None  # what a source install without a compiler amounts to
import numpy as np
from facedge.preprocessing import implementation_name, preprocess
image = (np.arange(218 * 178 * 3) % 251).astype(np.uint8).reshape(218, 178, 3)
import hashlib
print(implementation_name(), hashlib.sha256(preprocess(image).tobytes()).hexdigest())
"""


def test_without_the_kernel_numpy_takes_over_with_the_same_bits() -> None:
    name, digest = run_python(WITHOUT_KERNEL).split()
    assert name == "numpy"
    again = WITHOUT_KERNEL.replace('sys.modules["facedge._kernel"] = None', "pass")
    assert run_python(again).split()[1] == digest


def test_without_the_kernel_forcing_it_says_why() -> None:
    code = """
import sys
sys.modules["facedge._kernel"] = None
from facedge.errors import InputError
from facedge.preprocessing import implementation_name
try:
    implementation_name()
except InputError as problem:
    print(problem)
"""
    assert "the compiled kernel is not installed" in run_python(code, FACEDGE_KERNEL="portable")


def test_importing_preprocessing_costs_little_more_than_numpy(tmp_path: Path) -> None:
    """At most 10 ms of CPU time over numpy, once in bytecode; the least of several runs, as machines are busy."""
    bytecode = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    code = """
import time
import numpy
start = time.process_time()
import facedge.preprocessing
print(time.process_time() - start)
"""
    assert min(float(run_python(code, **bytecode)) for _ in range(5)) <= 0.010


def test_importing_preprocessing_brings_numpy_and_nothing_else() -> None:
    code = """
import sys, json
before = set(sys.modules)
import facedge.preprocessing
print(json.dumps(sorted({m.partition(".")[0] for m in set(sys.modules) - before if "cython" not in m})))
"""
    packages = set(json.loads(run_python(code)))
    assert packages - set(sys.stdlib_module_names) == {"facedge", "numpy"}


@pytest.fixture
def source_tree(tmp_path: Path) -> Path:
    """A copy of what the build needs."""
    for folder in ("ext", "facedge/preprocessing"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "LICENSE"):
        shutil.copy(REPOSITORY / name, tmp_path / name)
    (tmp_path / "README.md").write_text("facedge\n")
    return tmp_path


def build_with(compiler: str, tree: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", "built"],
        cwd=tree,
        env=os.environ | {"CC": compiler} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_build_without_a_compiler_goes_on_unless_the_kernel_is_required(source_tree: Path) -> None:
    pytest.importorskip("Cython")
    broken = "no-such-compiler"
    optional = build_with(broken, source_tree, FACEDGE_REQUIRE_KERNEL="")
    assert optional.returncode == 0, optional.stderr
    assert not list((source_tree / "built").rglob("_kernel*"))
    required = build_with(broken, source_tree, FACEDGE_REQUIRE_KERNEL="1")
    assert required.returncode != 0
    assert broken in required.stderr


@pytest.mark.slow
def test_a_build_with_a_compiler_makes_the_kernel(source_tree: Path) -> None:
    pytest.importorskip("Cython")
    if not shutil.which("cc"):
        pytest.skip("no C compiler here")
    done = build_with("cc", source_tree, FACEDGE_REQUIRE_KERNEL="1")
    assert done.returncode == 0, done.stderr
    assert list((source_tree / "built").rglob("_kernel*"))


@pytest.mark.slow
def test_a_source_distribution_holds_every_source_of_the_kernel(source_tree: Path) -> None:
    pytest.importorskip("Cython")
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "sdist"], cwd=source_tree, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (archive,) = (source_tree / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        held = {"/".join(Path(name).parts[1:]) for name in packed.getnames()}
    sources = {path for path in (REPOSITORY / "ext").iterdir() if path.suffix in (".c", ".h", ".pyx", ".pxi")}
    assert {f"ext/{path.name}" for path in sources} <= held
