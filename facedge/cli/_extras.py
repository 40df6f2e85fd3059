"""Optional packages: one sentence where a command's extra is not installed."""

from importlib.util import find_spec

PURPOSE = {"train": "training"}  # extra -> the subject of the sentence, where no other is given


def require_extra(extra: str, modules: tuple[str, ...], purpose: str = "") -> None:
    """MissingDependencyError naming the first of these top-level modules that is not installed; imports none of them.

    extra: the name in `pip install 'facedge[EXTRA]'`. purpose: what needs the modules, such as "exporting".
    """
    missing = next((name for name in modules if find_spec(name) is None), None)
    if missing is None:
        return
    from facedge.errors import MissingDependencyError

    subject = purpose or PURPOSE.get(extra, "this command")
    raise MissingDependencyError(f"{subject} needs {missing}: pip install 'facedge[{extra}]'")
