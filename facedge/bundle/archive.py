"""A bundle in one file: NAME.facedge.zip, with the bundle's files in one folder or at the top.

A browser can only save one file, so the web page saves an enrollment so. Files may be stored or deflated.
"""

import zipfile
import zlib
from pathlib import Path, PurePosixPath

from facedge.bundle.json_fields import REPAIR
from facedge.errors import BundleError

SUFFIX = ".zip"
MOST_FILES = 64  # a bundle has at most some 20
_UNREADABLE = (OSError, EOFError, RuntimeError, NotImplementedError, ValueError, zipfile.BadZipFile, zlib.error)


def is_archive(path: Path) -> bool:
    """Whether the path means a bundle in one file."""
    return path.suffix == SUFFIX and not path.is_dir()


def names_in(path: Path) -> set[str]:
    """The names of the files in the archive; BundleError unless they are a few in one folder."""
    with _opened(path) as archive:
        return set(_members(path, archive))


def read_member(path: Path, name: str, most: int) -> bytes:
    """The unpacked file called `name`; BundleError where it is missing, damaged, or longer than `most` bytes."""
    with _opened(path) as archive:
        member = _members(path, archive).get(name)
        if member is None:
            raise BundleError(f"{name} is missing from {path}: {REPAIR}")
        try:
            with archive.open(member) as file:
                data = file.read(most + 1)  # never more, whatever size the archive claims
        except _UNREADABLE as problem:
            raise BundleError(f"{name} cannot be unpacked from {path} ({problem}): {REPAIR}") from problem
    if len(data) > most:
        raise BundleError(f"{name} has more than {most:,} bytes, its manifest or the format allows no more: {REPAIR}")
    return data


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise BundleError(f"{path}: expected a bundle, got nothing there") from None
    except _UNREADABLE as problem:
        raise BundleError(f"{path} is no readable zip ({problem}): copy it again") from problem


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, str]:
    """The members by file name."""
    members = [info.filename for info in archive.infolist() if not info.is_dir()]
    names = {PurePosixPath(member).name: member for member in members}
    folders = {str(PurePosixPath(member).parent) for member in members}
    if not members or len(members) > MOST_FILES or len(names) != len(members) or len(folders) != 1:
        raise BundleError(
            f"{path} holds {len(members):,} files in {len(folders):,} folders: expected the files of one bundle, "
            "in one folder or at the top"
        )
    return names
