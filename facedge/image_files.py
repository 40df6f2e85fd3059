"""The image files of a folder."""

import os
from collections import deque
from pathlib import Path
from typing import Final

from facedge.errors import ImageError

IMAGE_SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"}
)
"""What `find_images` takes for an image that can be read, in any case."""

UNREADABLE_SUFFIXES: Final = frozenset({".heic", ".heif"})
"""Photos that `find_images` returns too, so that `load_rgb` names them in its error and none is missed silently."""


def find_images(folder: str | os.PathLike[str]) -> list[Path]:
    """Every image under `folder`, at any depth, sorted by path; hidden files and folders are left out.

    Links to folders are followed, each folder once, so loops end. What cannot be read is in the list too, so that
    `load_rgb` raises an ImageError that names it: HEIC photos, links to themselves, and sub-folders that cannot be
    listed. Raises ImageError if `folder` is not a folder or cannot be listed.
    """
    root = Path(folder)
    if not root.is_dir():
        came = "a file" if root.exists() else "nothing"
        raise ImageError(f"expected a folder of images at {root}, found {came} there: check the path")
    found: list[Path] = []
    visited: set[tuple[int, int]] = set()
    pending = deque([root])  # real folders at the front, links at the back: a photo is found at its real place
    while pending:
        place = pending.popleft()
        try:
            status = place.stat()
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            folders, links, images = _children(place)
        except OSError as problem:
            if place == root:
                raise ImageError(f"cannot list {root} ({problem.strerror}): check its permissions") from problem
            found.append(place)
            continue
        pending.extendleft(folders)
        pending.extend(links)
        found.extend(images)
    return sorted(found)


def _children(folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Folders, links to folders, and images in a folder, by name; nothing hidden."""
    folders: list[Path] = []
    links: list[Path] = []
    images: list[Path] = []
    with os.scandir(folder) as entries:
        listed = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in listed:
        path = folder / entry.name
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError:  # a link to itself
            is_folder, is_file = False, True
        if is_folder:
            (links if entry.is_symlink() else folders).append(path)
        elif is_file and path.suffix.lower() in IMAGE_SUFFIXES | UNREADABLE_SUFFIXES:
            images.append(path)
    return folders, links, images
