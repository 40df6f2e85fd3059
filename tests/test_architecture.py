"""Who may import what, as CONTRIBUTING.md lists it: torch never reaches a device, packages never import in a circle."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
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
    "click": ("cli/",),
    "rich": ("cli/",),
    "PIL": ("imaging.py", "dataset/", "demo/", "report/"),
    "cv2": ("camera/",),
    "picamera2": ("camera/",),
    "libcamera": ("camera/",),
    "matplotlib": ("report/", "train/"),
    "onnxruntime": ("onnx_session.py",),  # the one place that opens sessions
    "onnxruntime.quantization": ("export/",),
}
NOT_ON_THE_DEVICE = ("train", "export", "dataset", "cli", "report", "demo")
# part of facedge -> the parts it never imports
NEVER = {
    "bundle/": (*NOT_ON_THE_DEVICE, "runtime", "enrollment", "live", "faces", "camera"),
    "faces/": (*NOT_ON_THE_DEVICE, "runtime", "enrollment", "live", "bundle", "camera"),
    "runtime/": (*NOT_ON_THE_DEVICE, "enrollment", "live", "camera"),
    "enrollment/": NOT_ON_THE_DEVICE,
    "live/": NOT_ON_THE_DEVICE,
    "camera/": (*NOT_ON_THE_DEVICE, "runtime", "enrollment", "live", "bundle"),
    "metrics/": (*NOT_ON_THE_DEVICE, "runtime", "enrollment", "live", "bundle", "faces"),
    "dataset/": ("train", "export", "cli", "report", "demo", "enrollment", "live"),
    "train/": ("export", "cli", "report", "demo", "live"),
    "export/": ("cli", "demo", "live"),
    "report/": ("cli", "export", "demo", "live"),
    "demo/": ("cli", "train", "export", "report", "live"),
}
PREPROCESSING_MAY_IMPORT = {"preprocessing", "errors", "types", "_kernel"}  # of facedge; otherwise numpy
COMMANDS_MAY_IMPORT_AT_THE_TOP = {"typer", "facedge", "click"}
ARRAY_ALIASES = ("np.ndarray[", "numpy.ndarray[", "NDArray[")  # spelled out in types.py only
RENAMING = {"rename", "renames", "replace", "renameat2", "move"}
TEMPORARY_FILES = ("NamedTemporaryFile", "mkstemp", "mktemp", "mkdtemp")


def place(path: Path) -> str:
    """Where a file is in the package, such as "bundle/read.py"."""
    return path.relative_to(PACKAGE).as_posix()


def part_of(dotted: str) -> str:
    """The package or top-level module of a dotted name of facedge: "facedge.bundle.read" -> "bundle"."""
    return dotted.split(".")[1]


@cache
def tree(path: Path) -> ast.Module:
    """The file, parsed."""
    return ast.parse(path.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Import:
    """One imported module, or one name imported from a module."""

    module: str
    name: str = ""
    for_types: bool = False

    @property
    def dotted(self) -> str:
        """The full dotted name."""
        return f"{self.module}.{self.name}" if self.name else self.module


def imports(node: ast.AST, *, top_only: bool = False, for_types: bool = False) -> Iterator[Import]:
    """All imports below `node`; `for_types` marks those under `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, for_types=for_types) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            yield from (Import(child.module or "", alias.name, for_types) for alias in child.names)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for statement in child.body:
                yield from imports(ast.Module([statement], []), top_only=top_only, for_types=True)
            for statement in child.orelse:
                yield from imports(ast.Module([statement], []), top_only=top_only, for_types=for_types)
        elif not (top_only and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)):
            yield from imports(child, top_only=top_only, for_types=for_types)


def imported_when_running(path: Path) -> list[Import]:
    """The file's imports without those for type checkers."""
    return [one for one in imports(tree(path)) if not one.for_types]


def of_facedge(path: Path) -> list[Import]:
    """The file's imports from facedge, those for type checkers too."""
    return [one for one in imports(tree(path)) if one.dotted.startswith("facedge.")]


def is_module(dotted: str) -> bool:
    """Whether a dotted name is a module or package of facedge."""
    path = PACKAGE.parent.joinpath(*dotted.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


@pytest.mark.parametrize("path", FILES, ids=place)
def test_only_the_right_places_import_third_parties(path: Path) -> None:
    wrong = []
    for one in imported_when_running(path):
        rule = (
            "onnxruntime.quantization"
            if one.dotted.startswith("onnxruntime.quantization")
            else one.dotted.split(".")[0]
        )
        if not place(path).startswith(ALLOWED.get(rule, "")):
            wrong.append(one.dotted)
    assert wrong == []


@pytest.mark.parametrize("path", FILES, ids=place)
def test_layers_import_downwards_only(path: Path) -> None:
    parts = {part_of(one.dotted) for one in imported_when_running(path) if one.dotted.startswith("facedge.")}
    for part, never in NEVER.items():
        if place(path).startswith(part):
            assert parts.isdisjoint(never), f"{part} imports {parts & set(never)}"


def test_preprocessing_needs_numpy_and_the_kernel_only() -> None:
    for path in (PACKAGE / "preprocessing").rglob("*.py"):
        found = imported_when_running(path)
        roots = {one.dotted.split(".")[0] for one in found} - set(sys.stdlib_module_names)
        parts = {part_of(one.dotted) for one in found if one.dotted.startswith("facedge.")}
        assert roots <= {"numpy", "facedge"}, place(path)
        assert parts <= PREPROCESSING_MAY_IMPORT, place(path)


@pytest.mark.parametrize("path", [p for p in FILES if p.parent == PACKAGE and not p.name.startswith("_")], ids=place)
def test_modules_beside_the_packages_import_no_package(path: Path) -> None:
    """errors, types, files and their like are what the packages stand on."""
    packages = {child.name for child in PACKAGE.iterdir() if child.is_dir()}
    parts = {part_of(one.dotted) for one in imported_when_running(path) if one.dotted.startswith("facedge.")}
    assert parts & packages == set()


def test_no_packages_depend_on_each_other_in_a_circle() -> None:
    """Packages and top-level modules are the nodes; the package's own __init__, which only forwards names, is none."""
    depends: dict[str, set[str]] = {}
    for path in FILES:
        if path.parent == PACKAGE and path.name in ("__init__.py", "__main__.py"):
            continue
        here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        found = {part_of(one.dotted) for one in imported_when_running(path) if one.dotted.startswith("facedge.")}
        depends.setdefault(here, set()).update(found - {here})
    assert circle(depends) == []


def circle(depends: dict[str, set[str]]) -> list[str]:
    """A circle in the graph, as the names along it; empty where there is none."""
    done: set[str] = set()

    def visit(node: str, trail: list[str]) -> list[str]:
        if node in trail:
            return [*trail[trail.index(node) :], node]
        if node in done:
            return []
        for other in sorted(depends.get(node, ())):
            if found := visit(other, [*trail, node]):
                return found
        done.add(node)
        return []

    return next((found for node in sorted(depends) if (found := visit(node, []))), [])


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


@pytest.mark.parametrize("path", FILES, ids=place)
def test_no_private_name_crosses_a_package(path: Path) -> None:
    """A leading underscore: used inside its own package only. The compiled module has two packages that use it."""
    package = "facedge." + ".".join(path.relative_to(PACKAGE).parent.parts) if path.parent != PACKAGE else "facedge"
    private = [
        one.dotted
        for one in of_facedge(path)
        if any(part.startswith("_") and not part.startswith("__") for part in one.dotted.split("."))
    ]
    own = [f"{package}."] if package != "facedge" else []
    own += ["facedge._kernel"] if place(path).startswith(("preprocessing/", "faces/")) else []
    assert [name for name in private if not name.startswith(tuple(own))] == []
    assert private_attributes(path, package) == []


def private_attributes(path: Path, package: str) -> list[str]:
    """`module._name` where `module` is one of facedge imported from another package."""
    modules = {
        one.name or one.module.split(".")[-1]
        for one in of_facedge(path)
        if is_module(one.dotted) and one.dotted.rpartition(".")[0] != package
    }
    return [
        ast.unparse(node)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in modules
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
    ]


@pytest.mark.parametrize("path", [path for path in FILES if path.name == "__init__.py"], ids=place)
def test_no_package_gives_a_name_of_one_of_its_modules(path: Path) -> None:
    """Otherwise `import facedge.package.name` would turn a function into a module."""
    modules = {child.stem for child in path.parent.glob("*.py")} | {child.name for child in path.parent.iterdir()}
    given = {one.name for one in imports(tree(path)) if one.name and not is_module(one.dotted)}
    given |= {node.name for node in tree(path).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    given |= {
        target.id
        for node in tree(path).body
        for target in (node.targets if isinstance(node, ast.Assign) else [])
        if isinstance(target, ast.Name)
    }
    assert given & modules == set()


def test_no_public_name_is_a_module_or_folder() -> None:
    """`facedge.pretrained()` must survive `import facedge.anything`."""
    import facedge

    modules = {path.stem for path in PACKAGE.glob("*.py")} | {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert set(facedge.__all__) & modules == set()


@pytest.mark.parametrize("path", [path for path in FILES if place(path) != "types.py"], ids=place)
def test_array_types_have_their_names_from_types_py(path: Path) -> None:
    imported = [one.dotted for one in imported_when_running(path) if one.dotted.startswith("numpy.typing")]
    assert imported == []
    spelled = {ast.unparse(node) for node in ast.walk(tree(path)) if isinstance(node, ast.Subscript)}
    assert [text for text in sorted(spelled) if text.startswith(ARRAY_ALIASES)] == []


@pytest.mark.parametrize("path", [path for path in FILES if place(path) != "files.py"], ids=place)
def test_files_py_alone_puts_files_in_place(path: Path) -> None:
    """Every other writer would be one more that is not durable. Folders for scratch files are no such writers."""
    assert renaming_calls(path) == []
    temporary = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute | ast.Name)]
    assert [text for node in temporary if (text := ast.unparse(node)).endswith(TEMPORARY_FILES)] == []


def renaming_calls(path: Path) -> list[str]:
    """Calls of os.replace, os.rename and shutil.move, and of a path's .rename or .replace (one argument)."""
    found = []
    for node in ast.walk(tree(path)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in RENAMING):
            continue
        of_module = isinstance(node.func.value, ast.Name) and node.func.value.id in ("os", "shutil")
        like_pathlib = node.func.attr in ("rename", "replace") and len(node.args) == 1 and not node.keywords
        if of_module or like_pathlib:
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("path", [path for path in FILES if place(path).startswith("cli/")], ids=place)
def test_commands_import_their_stage_when_they_run(path: Path) -> None:
    top = {one.dotted for one in imports(tree(path), top_only=True) if not one.for_types and one.dotted}
    roots = {name.split(".")[0] for name in top}
    assert roots <= COMMANDS_MAY_IMPORT_AT_THE_TOP | set(sys.stdlib_module_names)
    assert {part_of(name) for name in top if name.startswith("facedge.")} <= {"cli", "errors", "formatting"}


def test_the_rules_name_places_that_exist() -> None:
    """A renamed folder must not switch a rule off."""
    named = {*NEVER, *(part for parts in ALLOWED.values() for part in parts)}
    assert sorted(part for part in named if not (PACKAGE / part).exists()) == []
    parts = {part for never in NEVER.values() for part in never}
    assert sorted(part for part in parts if not (PACKAGE / part).is_dir()) == []
