"""`facedge export`: from a trained run to a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from facedge.cli import _console


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of the backbone.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="NAME.facedge", help="The bundle to write.")],
    head: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Run folder of a face head; without it, nobody is enrolled.")
    ] = None,
    faces: Annotated[
        Path | None,
        typer.Option(metavar="FACES", help="Prepared dataset: images for parity, impostors for the threshold."),
    ] = None,
    far: Annotated[
        float | None,
        typer.Option(help="False accept rate of the head's threshold; 0.001, or the lowest supported, by default."),
    ] = None,
    impostors: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Photos of more impostors, one folder a person: they support a lower FAR."),
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="Also quantize; shipped only if it passes its gate.")] = False,
    name: Annotated[str | None, typer.Option(help="Name of the bundle; the file's name by default.")] = None,
    usage: Annotated[str | None, typer.Option(help="Who may use the bundle, one sentence.")] = None,
) -> None:
    """Export a trained backbone, and a head, into one bundle, after checking its outputs against torch's."""
    from facedge.export.bundle import ExportRequest, export_bundle

    request = ExportRequest(
        run,
        output,
        head=head,
        faces=faces,
        far=far,
        impostors=impostors,
        int8=int8,
        name=name,
        usage=usage,
    )
    export_bundle(request, say=_console.say, track=_console.track)
