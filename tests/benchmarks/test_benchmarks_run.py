"""Every program in benchmarks/ starts, and every name that it takes from facedge is there, inside functions too."""

import ast
import importlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
FILES = sorted(FOLDER.glob("*.py"))
PROGRAMS = [path for path in FILES if "__main__" in path.read_text(encoding="utf-8")]
BESIDE = {path.stem for path in FILES}


def named(path: Path) -> str:
    """The id of a test."""
    return path.stem


def imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    """(module, name or "") of every import below a node."""
    for child in ast.walk(node):
        if isinstance(child, ast.Import):
            yield from ((alias.name, "") for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from ((child.module or "", alias.name) for alias in child.names)


def needed_to_start(path: Path) -> set[str]:
    """The modules from elsewhere that the file, and those beside it that it imports, load at the top."""
    needed = set()
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            roots = {module.partition(".")[0] for module, _ in imports(statement)}
            needed |= roots - BESIDE
            for name in roots & BESIDE:
                needed |= needed_to_start(FOLDER / f"{name}.py")
    return needed - set(sys.stdlib_module_names)


def skip_without(modules: set[str]) -> None:
    """Skip where a module is not installed."""
    missing = sorted(name for name in modules if importlib.util.find_spec(name) is None)
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.mark.parametrize("path", PROGRAMS, ids=named)
def test_it_starts(path: Path) -> None:
    skip_without(needed_to_start(path))
    command = [sys.executable, "-W", "error", str(path), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "120"})
    assert done.returncode == 0 and f"usage: {path.name}" in done.stdout, done.stderr


@pytest.mark.parametrize("path", FILES, ids=named)
def test_what_it_imports_from_facedge_is_there(path: Path) -> None:
    taken = [pair for pair in imports(ast.parse(path.read_text(encoding="utf-8"))) if pair[0].startswith("facedge")]
    if any(module.startswith(("facedge.train", "facedge.export")) for module, _ in taken):
        skip_without({"torch", "onnx", "onnxscript"})
    assert [f"{module}: {name}" for module, name in taken if not is_there(module, name)] == []


def is_there(module: str, name: str) -> bool:
    """Whether `from module import name` works; without a name, `import module`."""
    try:
        found = importlib.import_module(module)
        if name and not hasattr(found, name):
            importlib.import_module(f"{module}.{name}")
    except ModuleNotFoundError as problem:
        if (problem.name or "").startswith("facedge"):
            return False
        raise
    return True


def test_there_are_benchmarks() -> None:
    assert len(PROGRAMS) > 8 and needed_to_start(FOLDER / "align.py") >= {"cv2", "numpy", "facedge"}
