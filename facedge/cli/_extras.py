"""Commands that need optional packages end in one sentence where these are not installed."""

from importlib.util import find_spec

from facedge.errors import MissingDependencyError


def require_extra(extra: str, modules: tuple[str, ...]) -> None:
    """MissingDependencyError with the pip command where one of `modules` is not installed."""
    for module in modules:
        if find_spec(module) is None:
            raise MissingDependencyError(f"this command needs {module}: pip install 'facedge[{extra}]'")
