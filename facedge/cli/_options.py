"""Options that several commands share, so that they read and behave the same everywhere."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from facedge.cli import _console
from facedge.errors import InputError

if TYPE_CHECKING:
    from facedge.faces.options import FaceOptions, Policy

MOST_STDIN_BYTES = 200_000_000  # of one image; load_rgb limits what decoding it takes


def rate(text: str | float) -> float:
    """A rate as people write it: "0.1%" or "0.001" -> 0.001; a usage error for anything that is not within 0 to 1.

    A bare "1" is an error, since it may be meant as 1 %: "100%" is clear.
    """
    text = str(text)  # a default comes as a number
    try:
        value = float(text.strip().removesuffix("%")) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1 or (value == 1 and not text.strip().endswith("%")):
        raise typer.BadParameter(f"expected a rate such as 0.1% or 0.001, got {text!r}")
    return value


def names_of_people(incomplete: str) -> list[str]:
    """The enrolled people whose names begin so, for the shell's completion."""
    from facedge.bundle.format import SUFFIX
    from facedge.bundle.resolve import people

    names = [path.name.removesuffix(SUFFIX) for path in people()]
    return [name for name in names if name.startswith(incomplete)]


def _bundle_option(default: str) -> Any:
    return typer.Option(
        "--bundle",
        "-b",
        metavar="NAME|PATH",
        envvar="FACEDGE_BUNDLE",
        help="An enrolled person's name, or a bundle's path (with a slash or ending in .facedge).",
        show_default=default,
        autocompletion=names_of_people,
    )


BundleOption = Annotated[str | None, _bundle_option("the bundle inside the package")]
PersonOption = Annotated[str | None, _bundle_option("the only enrolled person")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout, nothing else.")]
ThreadsOption = Annotated[
    int, typer.Option("--threads", metavar="N", envvar="FACEDGE_THREADS", min=1, max=256, help="CPU threads to use.")
]


# Of the commands that make a bundle of a backbone, `export` and `adopt`.
EXPORTING = ("torch", "onnx", "onnxscript", "safetensors")  # the packages that they need
NewBundleOption = Annotated[Path, typer.Option("-o", "--output", metavar="NAME.facedge", help="The bundle to write.")]
MoreImpostorsOption = Annotated[
    Path | None,
    typer.Option(
        "--impostors", metavar="DIR", help="Photos of more impostors, one folder a person: they support a lower FAR."
    ),
]
Int8Option = Annotated[bool, typer.Option("--int8", help="Also quantize; shipped only if it passes its gate.")]
BundleNameOption = Annotated[
    str | None, typer.Option("--name", help="Name of the bundle.", show_default="that of the file")
]
UsageOption = Annotated[str | None, typer.Option("--usage", help="Who may use the bundle, one sentence.")]


def far_option(default: str) -> Any:
    """The option --far, with the text that the help shows as its default."""
    return typer.Option(
        "--far",
        parser=rate,
        metavar="RATE",
        envvar="FACEDGE_FAR",
        help="Share of other people's photos that may be accepted (the false accept rate), such as 0.1% or 0.001.",
        show_default=default,
    )


PHOTOS, CAMERA = "Photos", "Camera"  # panels of the help
AlignedOption = Annotated[
    bool,
    typer.Option(
        "--aligned",
        help="The images are aligned crops in CelebA geometry: do not detect faces.",
        rich_help_panel=PHOTOS,
    ),
]
AnyFaceOption = Annotated[
    Literal["largest", "center", "only", "any"],
    typer.Option(
        "--faces",
        envvar="FACEDGE_FACES",
        help="Which of several faces is meant; only: refuse a picture with several; any: judge each of them.",
        rich_help_panel=PHOTOS,
    ),
]
FacesOption = Annotated[
    Literal["largest", "center", "only"],
    typer.Option(
        "--faces",
        envvar="FACEDGE_FACES",
        help="Which of several faces is meant; only: refuse a picture with several.",
        rich_help_panel=PHOTOS,
    ),
]
MinFaceOption = Annotated[
    float | None,
    typer.Option(
        "--min-face",
        envvar="FACEDGE_MIN_FACE",
        metavar="SIZE",
        min=0.005,
        help="Smallest face to look for: below 1 a share of the photo's longer side, else pixels.",
        show_default="0.075",
        rich_help_panel=PHOTOS,
    ),
]
CameraOption = Annotated[
    str | None,
    typer.Option(
        "--camera",
        metavar="SRC",
        help="Camera: 0, /dev/video0, a video file, an http or rtsp URL, picamera.",
        rich_help_panel=CAMERA,
    ),
]
RotateOption = Annotated[
    Literal["auto", "0", "90", "180", "270"],
    typer.Option(
        "--rotate",
        envvar="FACEDGE_ROTATE",
        help="Degrees clockwise that bring its pictures upright; auto: the first faces decide.",
        rich_help_panel=CAMERA,
    ),
]
AspectOption = Annotated[
    str | None,
    typer.Option(
        "--aspect",
        metavar="W:H",
        envvar="FACEDGE_ASPECT",
        help="Its pictures' true width and height, such as 16:9, where they come squeezed.",
        rich_help_panel=CAMERA,
    ),
]


def face_options(faces: "Policy", min_face: float | None = None) -> "FaceOptions":
    """The options of a photo's search from the command line's values."""
    from facedge.faces.options import MIN_FACE, FaceOptions

    return FaceOptions(policy=faces, min_face=MIN_FACE if min_face is None else min_face)


ImagesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[IMAGE|DIR|-]...", help="Images, folders of images, or - for an image on stdin.", show_default=False
    ),
]
REASONS = {
    "no_face": "no face found: use a photo that shows the face larger and from the front, or a smaller --min-face",
    "many_faces": "more than one face: crop the picture to one person, or choose with --faces largest",
    "low_quality": "too flat or dark to tell: use a photo with more light on the face, and all of it in the picture",
    "rotated": "the face is not upright: turn the picture",
    "distorted": "the picture is squeezed or stretched: use one in its true proportions",
    "below_threshold": "not alike enough",
}


class Probe(NamedTuple):
    """An image to judge: its name for messages, and its path, or its bytes where it came from stdin."""

    name: str
    photo: Path | bytes


def expand(paths: Sequence[str] | None) -> list[Probe]:
    """The images named on the command line: files as they are, folders as all the images inside, "-" as stdin.

    Files of a folder that are no images are counted on stderr. InputError where no image is named, where a path does
    not exist, where a folder holds no image, and where stdin is a terminal, empty or named twice.
    """
    if not paths:
        raise InputError("no image given: name an image file, a folder of images, or - for stdin")
    if paths.count("-") > 1:
        raise InputError("expected - once, since stdin holds one image: leave the others out")
    found: list[Probe] = []
    for text in paths:
        path = Path(text)
        if text == "-":
            found.append(Probe(text, one_photo(text)))
        elif path.is_dir():
            found.extend(Probe(str(inner), inner) for inner in _inside(path))
        elif os.path.lexists(path):
            found.append(Probe(text, path))
        else:
            raise InputError(f"{path}: no such file or folder")
    return found


def one_photo(text: str) -> Path | bytes:
    """The photo that text on the command line means: a path, or for "-" the bytes on stdin."""
    return _read_stdin() if text == "-" else Path(text)


def _read_stdin() -> bytes:
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError("- reads an image from stdin, which is a terminal: pipe a file into the command")
    data = sys.stdin.buffer.read(MOST_STDIN_BYTES + 1)
    if not data or len(data) > MOST_STDIN_BYTES:
        raise InputError(
            f"expected an image of 1 to {MOST_STDIN_BYTES:,} bytes on stdin, got "
            f"{'nothing' if not data else 'more'}: pipe one file into the command"
        )
    return data


def _inside(folder: Path) -> list[Path]:
    from facedge.image_folders import list_files, unread_note

    files = list_files(folder)
    if note := unread_note(folder, files):
        _console.say(note)
    if not files.images:
        raise InputError(f"{folder}: no images in this folder")
    return files.images
