"""Where a dataset's images lie: a folder or a zip, found under the names people's copies have."""

import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol

from facedge.dataset.celeba_layout import IMAGE_FOLDER
from facedge.errors import DatasetError
from facedge.imaging import IMAGE_SUFFIXES

_PLACES = ("", "Img", "images")  # the official download has Img/, Anno/ and Eval/ side by side


class ImageStore(Protocol):
    """Images by file name. Cheap to send to another process: opened there on first use."""

    @property
    def place(self) -> Path:
        """The folder or the zip."""

    def sizes(self) -> dict[str, int]:
        """The file names of all images, with their size in bytes."""

    def read(self, name: str) -> bytes:
        """The encoded image; DatasetError("missing"), or with why it cannot be read."""


@dataclass(frozen=True)
class FolderStore:
    """Images as files in one folder."""

    place: Path

    def sizes(self) -> dict[str, int]:
        with os.scandir(self.place) as entries:
            return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}

    def read(self, name: str) -> bytes:
        try:
            return (self.place / name).read_bytes()
        except FileNotFoundError as problem:
            raise DatasetError("missing") from problem
        except OSError as problem:
            raise DatasetError(f"cannot be read ({problem.strerror})") from problem


@dataclass(frozen=True)
class ZipStore:
    """Images in a zip, at any depth; their file names are unique in it."""

    place: Path

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.place)
        except (OSError, zipfile.BadZipFile) as problem:
            raise DatasetError(f"{self.place} is no readable zip ({problem}): download it again") from problem

    @cached_property
    def _entries(self) -> dict[str, zipfile.ZipInfo]:
        entries: dict[str, zipfile.ZipInfo] = {}
        for info in self._archive.infolist():
            path = PurePosixPath(info.filename)
            if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith(".") or "__MACOSX" in path.parts:
                continue
            if path.name in entries:
                raise DatasetError(f"{self.place} holds {path.name} twice: expected one folder of images in it")
            entries[path.name] = info
        return entries

    def sizes(self) -> dict[str, int]:
        return {name: info.file_size for name, info in self._entries.items()}

    def read(self, name: str) -> bytes:
        if name not in self._entries:
            raise DatasetError("missing")
        try:
            return self._archive.read(self._entries[name])
        except (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as problem:
            raise DatasetError(f"cannot be unpacked ({problem})") from problem

    def __reduce__(self) -> tuple[Callable[[Path], "ZipStore"], tuple[Path]]:
        return _arrived_zip, (self.place,)  # an open file cannot travel to another process


@cache
def _arrived_zip(place: Path) -> ZipStore:
    """One store in each process that receives it: the table of contents is read once."""
    return ZipStore(place)


def open_store(folder: Path) -> ImageStore:
    """The images of the CelebA in `folder`: img_align_celeba as a folder, nested once more, or as a zip."""
    for place in _PLACES:
        outer = folder / place / IMAGE_FOLDER
        for candidate in (outer / IMAGE_FOLDER, outer):
            if candidate.is_dir() and _has_images(candidate):
                return FolderStore(candidate)
        archive = outer.with_suffix(".zip")
        if archive.is_file():
            return ZipStore(archive)
    if not folder.is_dir():
        raise DatasetError(
            f"expected a folder with CelebA in it at {folder}, found {'a file' if folder.exists() else 'nothing'}"
        )
    raise DatasetError(
        f"expected {IMAGE_FOLDER}/ with images or {IMAGE_FOLDER}.zip in {folder}: give the folder above it"
    )


def _has_images(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(PurePosixPath(entry.name).suffix.lower() in IMAGE_SUFFIXES for entry in entries)
