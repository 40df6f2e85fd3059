"""What the commands for photos share: the images named on the command line, and reasons as text."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from facedge.errors import InputError

ImagesArgument = Annotated[list[str] | None, typer.Argument(help="Images, or folders of images.", show_default=False)]
REASONS = {
    "no_face": "no face found",
    "many_faces": "more than one face",
    "low_quality": "too flat or dark to tell",
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
