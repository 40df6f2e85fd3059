"""The images of a dataset: a folder or a zip of files, and one of them as the aligned crop of its face."""

import os
import stat
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from facedge.errors import DatasetError, ImageError
from facedge.faces.align import align
from facedge.faces.crop import find_crop
from facedge.faces.options import FaceOptions
from facedge.image_folders import IMAGE_SUFFIXES, find_images
from facedge.imaging import load_rgb
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH
from facedge.types import UInt8Array

IMAGE_FOLDER: Final = "img_align_celeba"
_PLACES: Final = ("", "Img", "images")  # the official download has Img/, Anno/ and Eval/ side by side


class ImageStore(Protocol):
    """Images by file name. It is pickled without open files: each process opens the archive on first use."""

    @property
    def place(self) -> Path:
        """The folder or the zip."""

    def sizes(self) -> dict[str, int]:
        """The file names of all images, with their size in bytes."""

    def read(self, name: str) -> bytes:
        """The encoded image; DatasetError("missing"), or with the reason why it cannot be read."""


@dataclass(frozen=True)
class FolderStore:
    """Images as files in one folder."""

    place: Path

    def sizes(self) -> dict[str, int]:
        """Names and sizes of the regular files in the folder."""
        with os.scandir(self.place) as entries:
            return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}

    def read(self, name: str) -> bytes:
        """The content of one file."""
        path = self.place / name
        try:
            if not stat.S_ISREG(path.stat().st_mode):  # reading a FIFO would block
                raise DatasetError("is no regular file")
            return path.read_bytes()
        except FileNotFoundError as problem:
            raise DatasetError("missing") from problem
        except OSError as problem:
            raise DatasetError(f"cannot be read ({problem.strerror})") from problem


@dataclass(frozen=True)
class TreeStore:
    """Images as files in a folder and its sub-folders, named by their path in it, such as p001/0001.jpg."""

    place: Path

    def sizes(self) -> dict[str, int]:
        """Names and sizes of all images, sorted by name."""
        paths = {path.relative_to(self.place).as_posix(): path for path in find_images(self.place)}
        return {name: paths[name].stat().st_size for name in sorted(paths)}

    def read(self, name: str) -> bytes:
        """The content of one file."""
        return FolderStore(self.place).read(name)


@dataclass(frozen=True)
class ZipStore:
    """Images in a zip archive, at any depth.

    full_names: they are named by their path in it; otherwise by their file names, which are unique in it.
    """

    place: Path
    full_names: bool = False

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
            name = path.as_posix() if self.full_names else path.name
            if name in entries:
                raise DatasetError(f"{self.place} holds {name} twice: expected one folder of images in it")
            entries[name] = info
        return entries

    def sizes(self) -> dict[str, int]:
        """Names and uncompressed sizes of the images in the archive."""
        return {name: info.file_size for name, info in self._entries.items()}

    def read(self, name: str) -> bytes:
        """The unpacked content of one image."""
        if name not in self._entries:
            raise DatasetError("missing")
        try:
            return self._archive.read(self._entries[name])
        except (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as problem:
            raise DatasetError(f"cannot be unpacked ({problem})") from problem

    def __reduce__(self) -> tuple[Callable[[Path, bool], "ZipStore"], tuple[Path, bool]]:
        return _unpickled_zip, (self.place, self.full_names)  # an open file cannot be pickled


@cache
def _unpickled_zip(place: Path, full_names: bool) -> ZipStore:
    """One store per process and archive, so that a worker reads the table of contents once."""
    return ZipStore(place, full_names)


def open_tree(place: Path) -> ImageStore:
    """All images in a folder or a zip, named by their paths in it; DatasetError where there is neither."""
    if place.is_dir():
        return TreeStore(place)
    if place.is_file() and zipfile.is_zipfile(place):
        return ZipStore(place, full_names=True)
    came = "a file that is no zip" if place.is_file() else "nothing of the kind"
    raise DatasetError(f"expected a folder or a .zip of images at {place}, found {came}: check the path")


def open_store(folder: Path) -> ImageStore:
    """The images of the CelebA in `folder`: img_align_celeba as a folder, nested once more, or as a zip.

    Raises DatasetError where there are none; the message names the sub-folder that has them, as in torchvision's root.
    """
    if not folder.is_dir():
        came = "a file" if folder.exists() else "nothing"
        raise DatasetError(f"expected a folder with CelebA in it at {folder}, found {came}: check the path")
    if store := _find_store(folder):
        return store
    remedy = f"give the folder that holds {IMAGE_FOLDER}"
    if inner := _folder_inside(folder):
        remedy = f"it lies in {inner}, give that folder"
    raise DatasetError(f"expected {IMAGE_FOLDER}/ with images or {IMAGE_FOLDER}.zip in {folder}: {remedy}")


def _find_store(folder: Path) -> ImageStore | None:
    for place in _PLACES:
        outer = folder / place / IMAGE_FOLDER
        for candidate in (outer / IMAGE_FOLDER, outer):
            if candidate.is_dir() and _has_images(candidate):
                return FolderStore(candidate)
        archive = outer.with_suffix(".zip")
        if archive.is_file():
            return ZipStore(archive)
    return None


def _folder_inside(folder: Path) -> Path | None:
    """The first sub-folder with images of CelebA in it."""
    with os.scandir(folder) as entries:
        inside = sorted(folder / entry.name for entry in entries if entry.is_dir())
    for candidate in inside:
        with suppress(OSError):  # one that cannot be listed
            if _find_store(candidate):
                return candidate
    return None


def _has_images(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(PurePosixPath(entry.name).suffix.lower() in IMAGE_SUFFIXES for entry in entries)


_HALF = (FRAME_HEIGHT // 2, FRAME_WIDTH // 2)


NO_CROP = {"no_face": "shows no face", "rotated": "shows a face that is not upright"}


def crop_of(data: bytes, min_face: float | None = None) -> UInt8Array:
    """The crop in an encoded image: uint8 (H, W, 3) in CelebA geometry.

    min_face: None: the image is such a crop, 178x218 pixels or another multiple of 89x109. Otherwise it is a photo, and
        its largest face is found and aligned: 218x178; the width of the smallest to look for, as in FaceOptions.

    Raises ImageError where there is no such crop, MissingDependencyError where finding faces needs what is absent.
    """
    rgb = load_rgb(data)
    if min_face is None:
        _check_geometry(rgb)
        return rgb
    found = find_crop(rgb, FaceOptions(min_face=min_face), aligned=False)
    if found.reason == "distorted" and found.face is not None:  # no reason to leave it out: nobody is verified by it
        return align(rgb, found.face.landmarks)
    if found.crop is None:
        raise ImageError(NO_CROP.get(found.reason or "", "shows a face that is cut off"))
    return found.crop


def _check_geometry(rgb: UInt8Array) -> None:
    height, width = rgb.shape[:2]
    if height % _HALF[0] or width % _HALF[1] or height // _HALF[0] != width // _HALF[1]:
        raise ImageError(
            f"has {width} x {height} pixels, expected the aligned {FRAME_WIDTH} x {FRAME_HEIGHT} or half of it; "
            "photos need --detect"
        )
