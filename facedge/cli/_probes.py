"""Images named on the command line: files as they are, folders as all the images inside."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from facedge.cli import _console
from facedge.errors import ImageError, InputError

R = TypeVar("R")


def expand(paths: Sequence[Path]) -> list[Path]:
    """Every image meant by `paths`, in their order; InputError where that is none or a path does not exist."""
    if not paths:
        raise InputError("no image given: name an image file, or a folder of images")
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found.extend(_inside(path))
        elif path.exists():
            found.append(path)
        else:
            raise InputError(f"{path}: no such file or folder")
    return found


def answered(probes: Sequence[Path], answer: Callable[[Path], R]) -> Iterator[tuple[Path, R | None]]:
    """(probe, answer) in order; None after saying so on stderr where an image cannot be read."""
    for probe in probes:
        try:
            yield probe, answer(probe)
        except ImageError as problem:
            _console.error(str(problem))
            yield probe, None


def _inside(folder: Path) -> list[Path]:
    from facedge.imaging import find_images

    found = find_images(folder)
    if not found:
        raise InputError(f"{folder}: no images in this folder")
    return found
