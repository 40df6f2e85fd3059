"""Options that several commands share, so that they read and behave the same everywhere."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facedge.errors import InputError

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
RotateOption = Annotated[
    Literal["auto", "0", "90", "180", "270"],
    typer.Option(
        "--rotate",
        envvar="FACEDGE_ROTATE",
        help="With --camera: degrees clockwise that bring its pictures upright; auto: the first faces decide.",
    ),
]
AspectOption = Annotated[
    str | None,
    typer.Option(
        "--aspect",
        metavar="W:H",
        envvar="FACEDGE_ASPECT",
        help="With --camera: its pictures' true width and height, such as 16:9, where they come squeezed.",
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", envvar="FACEDGE_SEED", min=0, help="Seed of the random numbers.")]


def face_options(faces: "Policy", min_face: float | None = None) -> "FaceOptions":
    """The options of a photo's search from the command line's values."""
    from facedge.faces.options import MIN_FACE, FaceOptions

    return FaceOptions(policy=faces, min_face=MIN_FACE if min_face is None else min_face)


ImagesArgument = Annotated[list[str] | None, typer.Argument(help="Images, or folders of images.", show_default=False)]
REASONS = {
    "no_face": "no face found",
    "many_faces": "more than one face",
    "low_quality": "too flat or dark to tell",
    "rotated": "the face is not upright: turn the picture",
    "distorted": "the picture is squeezed or stretched: use one in its true proportions",
    "below_threshold": "not alike enough",
}


def expand(paths: Sequence[str] | None) -> list[Path]:
    """The images named on the command line: files as they are, folders as all the images inside, in their order.

    InputError where that is none, where a path is empty, or does not exist.
    """
    if not paths:
        raise InputError("no image given: name an image file, or a folder of images")
    found: list[Path] = []
    for text in paths:
        path = Path(text)
        if not text.strip():
            raise InputError("expected an image file or a folder, got an empty value: leave it out or name one")
        if path.is_dir():
            found.extend(_inside(path))
        elif path.exists():
            found.append(path)
        else:
            raise InputError(f"{path}: no such file or folder")
    return found


def _inside(folder: Path) -> list[Path]:
    from facedge.image_files import find_images

    found = find_images(folder)
    if not found:
        raise InputError(f"{folder}: no images in this folder")
    return found
