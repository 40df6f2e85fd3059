"""`facedge doctor`: what is installed, what is missing, and the command that installs it."""

from dataclasses import asdict

import typer

from facedge.cli import _console
from facedge.cli._console import styled
from facedge.cli._options import JsonOption
from facedge.formatting import printable

MARKS = {"ok": ("ok", "green"), "missing": ("missing", "yellow"), "broken": ("broken", "red")}


def doctor(as_json: JsonOption = False) -> None:
    """What is installed, what is missing, and the command that installs it.

    Exit code 0: verification works, 1: something that it needs is broken.
    """
    from facedge.runtime.doctor import diagnose

    items = diagnose()
    for item in items:
        if as_json:
            _console.emit_json(asdict(item))
            continue
        mark, style = MARKS[item.state]
        print(f"{styled(f'{mark:<7}', style)}  {item.name:<11}  {printable(item.text)}".rstrip())
        if item.remedy:
            print(f"{'':<22}{styled('→ ' + item.remedy, 'dim')}")
    raise typer.Exit(1 if any(item.state == "broken" for item in items) else 0)
