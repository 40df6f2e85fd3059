"""deploy/node/core/facedge.wasm is what deploy/wasm/build.sh makes of ext/, to the byte."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
BUILT = DEPLOY / "node" / "core" / "facedge.wasm"
CLANG = "14.0.6"  # that the committed file was made with; others give other bytes


def test_the_committed_file_is_the_source_compiled(tmp_path: Path) -> None:
    if not shutil.which("clang") or not shutil.which("wasm-ld"):
        pytest.skip("needs clang, lld, wasi-libc and libclang-rt-14-dev-wasm32 (apt)")
    version = subprocess.run(["clang", "--version"], capture_output=True, text=True, check=True).stdout
    if not re.search(rf"version {re.escape(CLANG)}\b", version):
        pytest.skip(f"needs clang {CLANG}: other versions give other bytes")
    done = subprocess.run([DEPLOY / "wasm" / "build.sh", tmp_path / "a.wasm"], capture_output=True, text=True)
    if "wasi" in done.stderr or "cannot open" in done.stderr:
        pytest.skip(f"needs wasi-libc and libclang-rt-14-dev-wasm32 (apt): {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.wasm").read_bytes() == BUILT.read_bytes(), "ext/ has changed: run deploy/wasm/build.sh"


def test_it_asks_its_host_for_nothing() -> None:
    """No import: it computes on its own memory, and can neither read nor send anything."""
    if not shutil.which("node"):
        pytest.skip("needs node")
    script = f"console.log(WebAssembly.Module.imports(new WebAssembly.Module(fs.readFileSync({str(BUILT)!r}))).length)"
    assert subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True).stdout == "0\n"
