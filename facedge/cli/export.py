"""`facedge export`: from a trained run to a bundle."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from facedge.cli import _console
from facedge.cli._console import require_extra
from facedge.cli._options import (
    EXPORTING,
    BundleNameOption,
    Int8Option,
    MoreImpostorsOption,
    NewBundleOption,
    UsageOption,
    rate,
)


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of the backbone.")],
    output: NewBundleOption,
    head: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Run folder of a face head; without it, nobody is enrolled.")
    ] = None,
    faces: Annotated[
        Path | None,
        typer.Option(metavar="FACES", help="Prepared dataset: images for parity, impostors for the threshold."),
    ] = None,
    far: Annotated[
        float | None,
        typer.Option(
            parser=rate,
            metavar="RATE",
            envvar="FACEDGE_FAR",
            help="False accept rate of the head's threshold, such as 0.1% or 0.001.",
            show_default="0.1%, or the lowest that the impostors support",
        ),
    ] = None,
    impostors: MoreImpostorsOption = None,
    int8: Int8Option = False,
    rounded: Annotated[
        bool, typer.Option("--rounded", help="Round the weights to 8 significant bits: the bundle zips to about half.")
    ] = False,
    name: BundleNameOption = None,
    usage: UsageOption = None,
) -> None:
    """Export a trained backbone, and a head, into one bundle, after checking its outputs against torch's."""
    require_extra("train", EXPORTING, "exporting")
    from facedge.export.bundle import ExportRequest, export_bundle

    request = ExportRequest(
        run,
        output,
        head=head,
        faces=faces,
        far=far,
        impostors=impostors,
        int8=int8,
        rounded=rounded,
        name=name,
        usage=usage,
    )
    export_bundle(request, say=_console.say, track=_console.track)
    path = shlex.quote(str(output))
    _console.say(
        f"next: facedge enroll NAME --from PHOTOS -b {path}"
        if head is None
        else f"next: facedge verify PHOTO -b {path}"
    )
