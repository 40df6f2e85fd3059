"""`facedge list`: who is enrolled on this machine."""

from facedge.cli import _console
from facedge.cli._options import JsonOption


def list_people(as_json: JsonOption = False) -> None:
    """List the enrolled people and where their bundles are. Exit code 1: nobody is enrolled."""
    import typer

    from facedge.bundle.format import SUFFIX
    from facedge.bundle.resolve import data_home, people

    found = people()
    for path in found:
        name = path.name.removesuffix(SUFFIX)
        if as_json:
            _console.emit_json({"name": name, "bundle": str(path)})
        else:
            print(f"{name}  {path}")
    if not found:
        _console.say(f"nobody is enrolled in {data_home()}: facedge enroll NAME --from PHOTOS")
    raise typer.Exit(0 if found else 1)
