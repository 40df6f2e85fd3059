"""The Node host for the tests of deploy/node: whether it is installed, its programs, and a tiny bundle."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import tiny_bundle

from facedge.bundle import Bundle, write_bundle
from facedge.export.verifier_graph import verifier_onnx
from facedge.runtime.golden import golden_files
from facedge.runtime.verifier_onnx import verifier_properties

HOST = Path(__file__).resolve().parents[2] / "deploy" / "node"
INSTALL = "cd deploy/node && ONNXRUNTIME_NODE_INSTALL=skip npm ci"


def require_node(package: str = "onnxruntime-node") -> None:
    """Skip the test, naming the remedy, where node or a package of the host is missing."""
    if not shutil.which("node"):
        pytest.skip("node is not installed: apt install nodejs npm (20 or later), then `" + INSTALL + "`")
    if not (HOST / "node_modules" / package).is_dir():
        pytest.skip(f"node is installed, but not {package}: run `{INSTALL}`")


def node(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["node", str(HOST / script), *map(str, arguments)]
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    return completed(command, env=environment)


def verifier(files: dict[str, bytes], *, debug: bool = False) -> bytes:
    properties = verifier_properties(tiny_bundle.manifest(), files)
    return verifier_onnx(files["backbone.onnx"], files["head.onnx"], tiny_bundle.SPEC, properties, debug=debug)


def write_bundle_for_node(path: Path) -> Path:
    """The tiny bundle with verifier.onnx and golden vectors."""
    files, manifest = tiny_bundle.files(), tiny_bundle.manifest()
    files["verifier.onnx"] = verifier(files)
    return write_bundle(path, files | golden_files(Bundle(path, manifest, files, "")), manifest).path


def run_module(script: str, *arguments: object, kind: str = "module") -> Any:
    """The JSON that a script prints; HOST in it is the address of the host's folder."""
    source = script.replace("HOST", HOST.as_uri() if kind == "module" else str(HOST))
    command = ["node", f"--input-type={kind}", "-e", source, *map(str, arguments)]
    done = completed(command)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def completed(command: list[str], env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The result of a command, started once more where it does not end within two minutes.

    On a busy machine a node process that had run WebAssembly was seen to wait for its own threads without end.
    """
    try:
        return subprocess.run(command, capture_output=True, text=True, env=env, timeout=120)
    except subprocess.TimeoutExpired:
        return subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)
