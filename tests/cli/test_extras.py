"""A missing optional package is one sentence."""

import pytest

from facedge.cli._console import require_extra
from facedge.errors import MissingDependencyError


def test_what_is_installed_passes() -> None:
    require_extra("train", ("json", "numpy"))


def test_the_first_missing_module_and_the_extra_are_named() -> None:
    expected = r"^training needs no_such_module: pip install 'facedge\[train\]'$"
    with pytest.raises(MissingDependencyError, match=expected):
        require_extra("train", ("json", "no_such_module", "nor_this"))
    with pytest.raises(MissingDependencyError, match=r"^exporting needs no_such_module"):
        require_extra("train", ("no_such_module",), "exporting")
