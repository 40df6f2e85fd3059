"""The image files of a folder, and the files in it that are not read."""

import os
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from facedge.errors import ImageError
from facedge.formatting import counted, printable

IMAGE_SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif"}
    | {".jp2", ".j2k", ".jpf", ".jpx", ".psd", ".ppm", ".pgm", ".pbm", ".pnm"}
)
"""What counts as an image by its name, in any case; one that `load_rgb` cannot read is named by its error."""

NAMED: Final = 3  # files that `unread_note` names; the rest is counted


@dataclass(frozen=True)
class FolderFiles:
    """The files under a folder at any depth, without hidden files and folders, each sorted by path.

    Attributes:
        images: files with a suffix of IMAGE_SUFFIXES, and what cannot be listed or opened
        others: all other files
    """

    images: list[Path]
    others: list[Path]


def find_images(folder: str | os.PathLike[str]) -> list[Path]:
    """The images of `list_files`, sorted by path; the same errors."""
    return list_files(folder).images


def unread_note(folder: str | os.PathLike[str], files: FolderFiles | None = None) -> str:
    """A sentence that counts and names the files under `folder` that are no images by their suffix; "" for none.

    Args:
        files: `list_files(folder)`, where it is known already.
    """
    others = (files or list_files(folder)).others
    if not others:
        return ""
    kinds = Counter(path.suffix.lower() or "no suffix" for path in others)
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    named = ", ".join(str(path.relative_to(folder)) for path in others[:NAMED])
    more = f" and {len(others) - NAMED:,} more" if len(others) > NAMED else ""
    count = counted(len(others), "file")
    return printable(f"{folder}: {count} not read, which are no images by their names ({listed}): {named}{more}")


def list_files(folder: str | os.PathLike[str]) -> FolderFiles:
    """Every file under `folder`, at any depth; hidden files and folders are left out.

    Links to folders are followed, each folder once, so loops end. What cannot be read counts as an image, so that
    `load_rgb` raises an ImageError that names it: links to nothing or to themselves, pipes, and sub-folders that cannot
    be listed. Raises ImageError if `folder` is not a folder or cannot be listed.
    """
    root = Path(folder)
    if not root.is_dir():
        came = "a file" if root.exists() else "nothing"
        raise ImageError(f"expected a folder of images at {root}, found {came} there: check the path")
    images: list[Path] = []
    others: list[Path] = []
    visited: set[tuple[int, int]] = set()
    pending = deque([root])  # real folders at the front, links at the back: a photo is found at its real place
    while pending:
        place = pending.popleft()
        try:
            status = place.stat()
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            folders, links, files = _children(place)
        except OSError as problem:
            if place == root:
                raise ImageError(f"cannot list {root} ({problem.strerror}): check its permissions") from problem
            images.append(place)
            continue
        pending.extendleft(folders)
        pending.extend(links)
        for file in files:
            (images if file.suffix.lower() in IMAGE_SUFFIXES else others).append(file)
    return FolderFiles(sorted(images), sorted(others))


def _children(folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Folders, links to folders, and all the rest in a folder, by name; nothing hidden."""
    folders: list[Path] = []
    links: list[Path] = []
    files: list[Path] = []
    with os.scandir(folder) as entries:
        listed = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in listed:
        path = folder / entry.name
        try:
            is_folder = entry.is_dir()
        except OSError:  # a link to itself
            is_folder = False
        kind = files if not is_folder else links if entry.is_symlink() else folders
        kind.append(path)
    return folders, links, files
