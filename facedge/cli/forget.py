"""`facedge forget`: delete what was kept of a person, and say what it was."""

from pathlib import Path
from typing import Annotated

import typer

from facedge.cli import _console
from facedge.cli._options import JsonOption


def forget(
    name: Annotated[str, typer.Argument(help="The person's name, or the path of a personal bundle.")],
    as_json: JsonOption = False,
) -> None:
    """Delete a person's bundle and the count of failed attempts at it. There is no way back."""
    from facedge.runtime.enrollment import home

    given = Path(name)
    deleted = home.forget(given if given.exists() or len(given.parts) > 1 else home.bundle_of(name))
    if as_json:
        _console.emit_json({"deleted": [str(path) for path in deleted]})
        return
    for path in deleted:
        print(f"deleted {path}")
