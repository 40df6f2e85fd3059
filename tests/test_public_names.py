"""The public names: all there, all documented, all typed."""

import inspect

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
