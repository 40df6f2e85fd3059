"""The public names: all there, all documented, all typed."""

import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import facedge


@pytest.mark.parametrize("name", facedge.__all__)
def test_every_public_name_resolves_and_is_documented(name: str) -> None:
    value = getattr(facedge, name)
    if name != "__version__":
        assert inspect.getdoc(value)
    assert name in dir(facedge)


def test_sources_and_names_agree() -> None:
    assert {*facedge._SOURCES, "__version__"} == set(facedge.__all__)


def test_functions_are_fully_annotated() -> None:
    for name in facedge.__all__:
        value = getattr(facedge, name)
        if inspect.isfunction(value):
            parameters = inspect.signature(value).parameters.values()
            assert all(parameter.annotation is not inspect.Parameter.empty for parameter in parameters), name


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="module 'facedge' has no attribute 'recognise'"):
        _ = facedge.recognise


def test_version_is_that_of_the_metadata() -> None:
    assert facedge.__version__.split(".")[0].isdigit()


EVERY_MODULE = """
import importlib, pkgutil, warnings
import facedge
warnings.simplefilter("ignore")
imported = 0
for found in pkgutil.walk_packages(facedge.__path__, "facedge."):
    try:
        imported += importlib.import_module(found.name) is not None
    except ImportError as problem:  # an optional package that is not installed
        assert not str(problem.name).startswith("facedge"), problem
assert imported > 50
for name, source in facedge._SOURCES.items():
    value = getattr(facedge, name)
    assert value is getattr(importlib.import_module(source), name), name
    assert not isinstance(value, type(facedge)), f"{name} is a module"
"""


def test_no_submodule_shadows_a_public_name() -> None:
    """`import facedge.anything` binds its name in the package: no public function may be lost to it."""
    done = subprocess.run([sys.executable, "-c", EVERY_MODULE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_public_name_is_that_of_a_module_or_folder() -> None:
    inside = {path.name.removesuffix(".py") for path in Path(facedge.__file__).parent.iterdir()}
    assert inside.isdisjoint(facedge.__all__)


def documented() -> list[tuple[str, object]]:
    """What the page of the Python API describes: functions, classes and their public methods."""
    page = (Path(__file__).resolve().parent.parent / "docs" / "python-api.md").read_text(encoding="utf-8")
    found: list[tuple[str, object]] = []
    for path in re.findall(r"^::: (\S+)$", page, flags=re.MULTILINE):
        module, _, name = path.rpartition(".")
        value = getattr(import_module(module), name)
        found.append((name, value))
        if inspect.isclass(value):
            methods = inspect.getmembers(value, inspect.isfunction)
            found += [(f"{name}.{key}", method) for key, method in methods if not key.startswith("_")]
    return found


@pytest.mark.parametrize(("name", "value"), documented(), ids=[name for name, _ in documented()])
def test_a_list_of_parameters_is_whole_and_in_the_style_that_the_site_renders(name: str, value: object) -> None:
    """Google's style; any other table of names runs together into one paragraph."""
    text = inspect.getdoc(value) or ""
    section = re.search(r"^(?:Args|Attributes):\n((?:    .*\n?)+)", text, flags=re.MULTILINE)
    if section is None:
        assert not re.findall(r"^\w+(?:, \w+)*(?: {2,}|: )\S", text, flags=re.MULTILINE), text
        return
    rest = text.replace(section[0], "")
    assert not re.findall(r"^\w+ {2,}\S", rest, flags=re.MULTILINE), text
    listed = re.findall(r"^ {4}(\w+): ", section[1], flags=re.MULTILINE)
    assert listed == [key for key in inspect.signature(value).parameters if key != "self"]  # type: ignore[arg-type]
