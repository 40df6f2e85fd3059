"""`facedge list` and `facedge forget`: the people enrolled on this machine."""

import shlex
import sys
from typing import Annotated

import typer

from facedge.cli import _console
from facedge.cli._options import JsonOption
from facedge.formatting import printable


def list_people(as_json: JsonOption = False) -> None:
    """List the enrolled people and where their bundles are.

    Exit code 0: somebody is enrolled, 1: nobody is.
    """
    from facedge.bundle.format import SUFFIX
    from facedge.bundle.resolve import data_home, people
    from facedge.enrollment.store import interrupted

    found = people()
    for path in found:
        name = path.name.removesuffix(SUFFIX)
        if as_json:
            _console.emit_json({"name": name, "bundle": str(path)})
        else:
            print(f"{printable(name)}  {printable(path)}")
    if found and not as_json:
        _console.say(f"next: facedge verify PHOTO -b {shlex.quote(found[0].name.removesuffix(SUFFIX))}")
    for name in interrupted():
        _console.warn(f"an enrollment of {name} was interrupted and left files behind: facedge forget {name}")
    if not found:
        _console.say(f"nobody is enrolled in {data_home()}: facedge enroll NAME --from PHOTOS")
    raise typer.Exit(0 if found else 1)


def forget(
    name: Annotated[
        str, typer.Argument(metavar="NAME|PATH", help="The person's name, or the path of a personal bundle.")
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete an enrolled person: the bundle, and the count of failed attempts at it.

    Lists what it deletes, and asks first. It cannot be undone.
    """
    from facedge.bundle.resolve import bundle_path
    from facedge.enrollment import store
    from facedge.errors import InputError

    bundle = bundle_path(name)
    found = store.deletable(bundle)
    if not yes:
        if sys.stdin is None or not sys.stdin.isatty():
            raise InputError(f"deleting {bundle} cannot be undone, and there is no terminal to ask at: give --yes")
        if not typer.confirm(f"Delete {printable(bundle)} ({len(found)} files and folders)?", err=True):
            _console.say("nothing was deleted")
            raise typer.Exit(1)
    deleted = store.forget(bundle)
    if as_json:
        _console.emit_json({"deleted": [str(path) for path in deleted]})
        return
    for path in deleted:
        print(f"deleted {printable(path)}")
