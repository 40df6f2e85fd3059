"""Who may import what: torch never reaches a Pi, and the layers stay layers."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "facedge"
FILES = sorted(PACKAGE.rglob("*.py"))

# third-party module -> the places of the package that may import it
ALLOWED = {
    "torch": ("train/", "export/"),
    "onnx": ("train/", "export/"),
    "onnxscript": ("train/", "export/"),
    "safetensors": ("train/", "export/"),
    "typer": ("cli/",),
    "rich": ("cli/",),
    "PIL": ("imaging.py", "dataset/", "report/"),
    "cv2": ("camera.py", "camera/"),
    "av": ("camera.py", "camera/"),
    "picamera2": ("camera.py", "camera/"),
    "libcamera": ("camera.py", "camera/"),
    "matplotlib": ("report/", "train/"),
    "onnxruntime": ("runtime/", "export/", "train/", "detection/"),
}
# part of facedge -> the parts it never imports
NEVER = {
    "preprocessing/": ("train", "export", "dataset", "cli", "report", "runtime", "bundle", "detection", "imaging"),
    "bundle/": ("train", "export", "dataset", "cli", "report", "runtime", "detection", "alignment", "camera"),
    "runtime/": ("train", "export", "dataset", "cli", "report"),
    "detection/": ("train", "export", "dataset", "cli", "report", "runtime", "bundle"),
    "alignment/": ("train", "export", "dataset", "cli", "report", "runtime", "bundle"),
    "metrics/": ("train", "export", "dataset", "cli", "report", "runtime", "bundle"),
    "dataset/": ("train", "export", "cli", "report"),
    "train/": ("export", "cli"),
    "export/": ("cli",),
    "report/": ("cli", "export"),
}
COMMANDS_MAY_IMPORT_AT_THE_TOP = {"typer", "facedge", "click"}


def imports(tree: ast.AST, *, top_only: bool = False) -> Iterator[str]:
    """Dotted names of imported modules; those under `if TYPE_CHECKING:` do not count."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not (top_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            yield from imports(node, top_only=top_only)


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", FILES, ids=place)
def test_only_the_right_places_import_third_parties(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports(ast.parse(path.read_text()))}
    wrong = [root for root in roots if root in ALLOWED and not place(path).startswith(ALLOWED[root])]
    assert wrong == []


@pytest.mark.parametrize("path", FILES, ids=place)
def test_layers_import_downwards_only(path: Path) -> None:
    found = {name.split(".")[1] for name in imports(ast.parse(path.read_text())) if name.startswith("facedge.")}
    for part, never in NEVER.items():
        if place(path).startswith(part):
            assert found.isdisjoint(never), f"{part} imports {found & set(never)}"


@pytest.mark.parametrize("path", [path for path in FILES if place(path).startswith("cli/")], ids=place)
def test_commands_import_their_stage_when_they_run(path: Path) -> None:
    import sys

    top = {name for name in imports(ast.parse(path.read_text()), top_only=True) if name}
    roots = {name.split(".")[0] for name in top}
    assert roots <= COMMANDS_MAY_IMPORT_AT_THE_TOP | set(sys.stdlib_module_names)
    inside = {name.split(".")[1] for name in top if name.startswith("facedge.")}
    assert inside <= {"cli", "errors"}


def test_the_rules_name_places_that_exist() -> None:
    """A renamed folder must not switch a rule off."""
    missing = [part for part in NEVER if not (PACKAGE / part).exists()]
    assert missing == []
