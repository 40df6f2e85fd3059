"""`facedge bundle show`, `check` and `convert`: what a bundle holds, whether it keeps the format, and older bundles."""

import json
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from facedge.cli import _console
from facedge.cli._console import styled
from facedge.cli._options import JsonOption
from facedge.formatting import printable

WIDTH = 100  # of a card

BundleArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME|PATH",
        envvar="FACEDGE_BUNDLE",
        help="An enrolled person's name, or a bundle's path; the package's own bundle by default.",
        show_default=False,
    ),
]


def show(bundle: BundleArgument = None, as_json: JsonOption = False) -> None:
    """Show a bundle's threshold and the evidence for it, its model, training data and files."""
    from facedge.bundle import read_bundle
    from facedge.bundle.card import describe
    from facedge.bundle.resolve import resolve_bundle

    found = read_bundle(resolve_bundle(bundle))
    if as_json:
        _console.emit_json({"sha256": found.sha256, **json.loads(found.manifest.to_json())})
        return
    for number, (title, rows) in enumerate(describe(found)):
        print(("" if number == 0 else "\n") + styled(title, "bold"))
        width = max((len(label) for label, _ in rows), default=0)
        for label, text in rows:
            first, *more = textwrap.wrap(text, max(40, WIDTH - width - 4), drop_whitespace=False) or [""]
            print(f"  {styled(f'{label:<{width}}', 'dim')}  {printable(first.rstrip())}")
            for line in more:
                print(f"{'':<{width + 4}}{printable(line.strip())}")


def check(bundle: BundleArgument = None, as_json: JsonOption = False) -> None:
    """Check a bundle against the format: hashes, shapes, and the golden vectors.

    One line a finding. Exit code 0: it keeps the format, 1: it breaks it.
    """
    from facedge.bundle.resolve import resolve_bundle
    from facedge.runtime.check import check_bundle

    findings = check_bundle(resolve_bundle(bundle))
    for finding in findings:
        if as_json:
            _console.emit_json({"ok": finding.ok, "what": finding.what, "message": finding.message})
        else:
            mark = styled("ok   ", "green") if finding.ok else styled("wrong", "red")
            print(f"{mark}  {printable(finding.what)}: {printable(finding.message)}")
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


def convert(
    bundle: Annotated[str, typer.Argument(metavar="NAME|PATH", help="An enrolled person's name, or a bundle's path.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="NEW.facedge", help="Write there instead of in the bundle's place."),
    ] = None,
    faces: Annotated[
        Path | None,
        typer.Option(
            metavar="FACES", help="Prepared dataset: make the calibration table anew from its validation people."
        ),
    ] = None,
) -> None:
    """Add to an older bundle what every bundle has now.

    Scores and the threshold in force stay as they are.
    """
    from facedge.bundle.resolve import resolve_bundle
    from facedge.export.convert import convert_bundle
    from facedge.formatting import file_size

    found, made = convert_bundle(resolve_bundle(bundle), output, faces=faces, track=_console.track)
    manifest = found.manifest
    what = f"verifier.onnx ({manifest.precision}, {file_size(manifest.files['verifier.onnx'].size)})"
    table = ", calibration.json" if faces is not None else ""
    _console.say(f"{found.path}: {what}{table} {'made and checked' if made else 'was up to date'}")
