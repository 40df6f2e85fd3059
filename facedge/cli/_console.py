"""What commands print: results on stdout; progress, warnings and errors on stderr."""

import contextlib
import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from typing import Any, TextIO, TypeVar

from facedge.formatting import printable

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


def prepare_streams() -> None:
    """Characters that the encoding of stdout or stderr does not have (cp1252, ASCII) are written as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(message: str, style: str = "") -> None:
    """Print a line of progress on stderr, in a style of STYLES; nothing under `-q`."""
    if _level >= 0:
        _stderr(_sgr(printable(message), style, sys.stderr))


def warn(message: str) -> None:
    """Print a warning on stderr, even under `-q`."""
    _stderr(f"facedge: warning: {printable(message)}")


def error(message: str) -> None:
    """Print the one sentence that a failure ends with on stderr."""
    _stderr(f"facedge: error: {printable(message)}")


def _stderr(line: str) -> None:
    """Print a line on stderr; one that cannot be written (a full disk, nobody who reads) changes no result."""
    if sys.stderr is not None:  # closed; print() would write to stdout instead
        try:
            print(line, file=sys.stderr, flush=True)
        except OSError:
            sys.stderr = None  # what is still in its buffer cannot be written either


def emit_json(record: dict[str, Any]) -> None:
    """Print one JSON object as a line on stdout: UTF-8, or ASCII where stdout has another encoding.

    Bytes of a file name that are no UTF-8 become text as in `printable`, since JSON cannot hold them. Raises ValueError
    for NaN, which JSON does not have.
    """
    text = json.dumps(record, allow_nan=False, ensure_ascii=False)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    ascii_only = not _is_utf8(encoding)
    if not text.isprintable() or (ascii_only and not text.isascii()):
        text = "".join(_json_character(c, ascii_only=ascii_only) for c in text)
    print(text, flush=True)


def draws() -> bool:
    """Whether stdout is a terminal that can be redrawn and has the characters of a panel."""
    encoding = getattr(sys.stdout, "encoding", None) or ""
    return _is_terminal(sys.stdout) and os.environ.get("TERM") != "dumb" and _is_utf8(encoding)


def _is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("-", "") == "utf8"


def trace(problem: BaseException) -> None:
    """Print the traceback of an exception on stderr."""
    _stderr(printable("".join(traceback.format_exception(problem)).rstrip(), keep="\n"))


def _json_character(character: str, *, ascii_only: bool) -> str:
    if "\ud800" <= character <= "\udfff":
        return "\\" + printable(character)
    if character.isprintable() and (character.isascii() or not ascii_only):
        return character
    return json.dumps(character)[1:-1]


def styled(text: object, style: str) -> str:
    """`text`, made printable, in a style of STYLES if stdout shows colours (a terminal, TERM not dumb, NO_COLOR unset).

    Whatever a file name or a manifest holds reaches the terminal through this function or `printable`.
    """
    return _sgr(printable(text), style, sys.stdout)


def _sgr(text: str, style: str, stream: TextIO | None) -> str:
    plain = not style or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not _is_terminal(stream)
    return text if plain else f"\x1b[{STYLES[style]}m{text}\x1b[0m"


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate with a progress bar on stderr (facedge.types.Track); without one where stderr is no terminal."""
    if _level < 0 or not _is_terminal(sys.stderr):
        yield from items
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(items, description, total=total, console=Console(stderr=True), transient=True)


@contextlib.contextmanager
def bar(description: str) -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar for work that is no iteration: call it with (done, total, remark)."""
    if _level < 0 or not _is_terminal(sys.stderr):
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
