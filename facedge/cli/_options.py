"""Options that several commands share, so that they read and behave the same everywhere."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from facedge.faces.options import FaceOptions, Policy


def rate(text: str | float) -> float:
    """A rate as people write it: "0.1%" or "0.001" -> 0.001; a usage error for anything that is not within 0 to 1."""
    text = str(text)  # a default comes as a number
    try:
        value = float(text.strip().removesuffix("%")) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise typer.BadParameter(f"expected a rate such as 0.1% or 0.001, got {text!r}")
    return value


BundleOption = Annotated[
    str | None,
    typer.Option(
        "--bundle",
        "-b",
        metavar="NAME|PATH",
        envvar="FACEDGE_BUNDLE",
        help="An enrolled person's name, or a bundle's path (with a slash or ending in .facedge).",
        show_default="the bundle inside the package",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout, nothing else.")]
ThreadsOption = Annotated[
    int, typer.Option("--threads", envvar="FACEDGE_THREADS", min=1, max=256, help="CPU threads to use.")
]
FarOption = Annotated[
    float | None,
    typer.Option(
        "--far", parser=rate, metavar="RATE", envvar="FACEDGE_FAR", help="False accept rate, such as 0.1% or 0.001."
    ),
]
AlignedOption = Annotated[
    bool, typer.Option("--aligned", help="The images are aligned crops in CelebA geometry: do not detect faces.")
]
FacesOption = Annotated[
    Literal["largest", "center", "only"],
    typer.Option(
        "--faces",
        envvar="FACEDGE_FACES",
        help="Which of several faces is meant; only: refuse a picture with several.",
    ),
]
MinFaceOption = Annotated[
    float | None,
    typer.Option(
        "--min-face",
        envvar="FACEDGE_MIN_FACE",
        min=0.005,
        help="Smallest face to look for: below 1 a share of the photo's longer side (default 0.075), else pixels.",
    ),
]
CameraOption = Annotated[
    str | None,
    typer.Option(
        "--camera", metavar="SRC", help="Camera: 0, /dev/video0, a video file, an http or rtsp URL, picamera."
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", envvar="FACEDGE_SEED", min=0, help="Seed of the random numbers.")]


def face_options(faces: "Policy", min_face: float | None = None) -> "FaceOptions":
    """The options of a photo's search from the command line's values."""
    from facedge.faces.options import MIN_FACE, FaceOptions

    return FaceOptions(policy=faces, min_face=MIN_FACE if min_face is None else min_face)
