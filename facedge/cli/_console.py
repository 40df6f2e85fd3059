"""What commands print: results on stdout; progress, warnings and errors on stderr."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from typing import Any, TypeVar

T = TypeVar("T")
STYLES = {"green": "32", "red": "31", "yellow": "33", "bold": "1", "dim": "2"}  # SGR codes, ECMA-48
_level = 0  # -1 quiet, 0 normal, 1 verbose


def set_verbosity(*, verbose: bool, quiet: bool) -> None:
    """`-v` wins over `-q`; `FACEDGE_VERBOSE=1` is `-v` for scripts."""
    global _level
    _level = 1 if verbose or os.environ.get("FACEDGE_VERBOSE") == "1" else -1 if quiet else 0


def verbose() -> bool:
    """Whether tracebacks and details are wanted."""
    return _level > 0


def say(message: str) -> None:
    """Print a line of progress on stderr; nothing under `-q`."""
    if _level >= 0:
        print(message, file=sys.stderr, flush=True)


def warn(message: str) -> None:
    """Print a warning on stderr, even under `-q`."""
    print(f"facedge: warning: {message}", file=sys.stderr, flush=True)


def error(message: str) -> None:
    """Print the one sentence that a failure ends with on stderr."""
    print(f"facedge: error: {message}", file=sys.stderr, flush=True)


def emit_json(record: dict[str, Any]) -> None:
    """Print one JSON object as a line on stdout; ValueError for NaN, which JSON does not have."""
    print(json.dumps(record, allow_nan=False, ensure_ascii=False), flush=True)


def styled(text: str, style: str) -> str:
    """`text` in a style of STYLES if stdout is a terminal that shows colours (NO_COLOR unset, TERM not dumb)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty():
        return text
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m"


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate with a progress bar on stderr (facedge.types.Track); without one where stderr is no terminal."""
    if _level < 0 or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(items, description, total=total, console=Console(stderr=True), transient=True)


@contextlib.contextmanager
def bar(description: str) -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar for work that is no iteration: call it with (done, total, remark)."""
    if _level < 0 or not sys.stderr.isatty():
        yield lambda _done, _total, _remark: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[remark]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(description, total=None, remark="")
        yield lambda done, total, remark: progress.update(task, completed=done, total=total, remark=remark)


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
