"""`facedge adopt`: a face recogniser in ONNX becomes the backbone of a bundle."""

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
)


def adopt(
    recogniser: Annotated[Path, typer.Argument(metavar="RECOGNISER.onnx", help="Any face recogniser in ONNX.")],
    output: NewBundleOption,
    faces: Annotated[
        Path,
        typer.Option(metavar="FACES", help="Prepared dataset: attributes are fitted and impostors taken from it."),
    ],
    input_: Annotated[
        str,
        typer.Option(
            "--input",
            metavar="arcface|sface|FILE.json",
            help="What the recogniser takes; the file holds size, order, mean, scale and box.",
        ),
    ] = "arcface",
    licence: Annotated[
        str | None, typer.Option(help="Licence of the recogniser, recorded in the bundle.", show_default="not stated")
    ] = None,
    impostors: MoreImpostorsOption = None,
    int8: Int8Option = False,
    name: BundleNameOption = None,
    usage: UsageOption = None,
) -> None:
    """Make a bundle with a recogniser of another maker as its backbone, after checking it against the file itself."""
    require_extra("train", EXPORTING, "adopting a recogniser")
    from facedge.export.adopt import AdoptRequest
    from facedge.export.adopt import adopt as adopt_recogniser

    request = AdoptRequest(
        recogniser,
        output,
        faces,
        input=input_,
        licence=licence,
        impostors=impostors,
        int8=int8,
        name=name,
        usage=usage,
    )
    if licence is None:
        _console.warn("the bundle records no licence of the recogniser: give it with --licence")
    adopt_recogniser(request, say=_console.say, track=_console.track)
    _console.say(f"next: facedge enroll NAME --from PHOTOS -b {shlex.quote(str(output))}")
