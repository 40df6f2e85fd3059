"""Reading a bundle, a directory or a zip: every file is hashed before it is parsed, and used as the bytes hashed."""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from facedge.bundle.archive import is_archive, names_in, read_member
from facedge.bundle.arrays import check_plain_arrays
from facedge.bundle.cohort import check_cohort
from facedge.bundle.format import (
    BACKBONES,
    MANIFEST,
    MOST_BYTES,
    MOST_MANIFEST_BYTES,
    REQUIRED,
    SEAL,
    SUFFIX,
    refuse_name,
    seal_of,
)
from facedge.bundle.json_fields import REPAIR, parse_json
from facedge.bundle.manifest import FileEntry, Manifest, refuse_other_versions
from facedge.bundle.onnx_file import check_graphs
from facedge.errors import BundleError


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every byte has been checked against its manifest.

    Attributes:
        path: the directory, or the .zip, that it was read from
        manifest: the content of manifest.json
        files: by name, the very bytes that were hashed: load from them, never from `path` again
        sha256: the hash of manifest.json, which identifies the whole bundle
    """

    path: Path
    manifest: Manifest
    files: Mapping[str, bytes]
    sha256: str


def read_bundle(path: str | Path) -> Bundle:
    """Read and check a bundle, a directory or one file NAME.facedge.zip.

    Order: format version, the manifest's own hash, its content, the list of files, every hash, then that graphs and
    arrays hold nothing the format forbids.

    Args:
        path: the directory or the file

    Raises:
        BundleError: in one sentence at the first thing that is wrong
    """
    folder = Path(path)
    manifest, sha256 = read_manifest(folder)
    check_listing(folder, manifest)
    files = {name: read_file(folder, name, entry) for name, entry in sorted(manifest.files.items())}
    check_contents(files, manifest)
    return Bundle(folder, manifest, files, sha256)


def read_manifest(folder: Path) -> tuple[Manifest, str]:
    """The manifest of a bundle and its sha256, after its version, its seal and its content were checked."""
    if not folder.is_dir() and not is_archive(folder):
        came = "a file" if folder.exists() else "nothing there"
        raise BundleError(f"{folder}: expected a bundle directory (NAME{SUFFIX}), got {came}")
    data = _read(folder, MANIFEST, MOST_MANIFEST_BYTES)
    content = parse_json(data, MANIFEST)
    refuse_other_versions(content)
    if _read(folder, SEAL, 1024) != seal_of(data):
        raise BundleError(f"{MANIFEST} was edited or damaged ({SEAL} does not match it): {REPAIR}")
    return Manifest.from_content(content), hashlib.sha256(data).hexdigest()


def check_listing(folder: Path, manifest: Manifest) -> None:
    """BundleError unless the directory holds exactly the files its manifest lists, all of names in the format."""
    for name in manifest.files:
        refuse_name(name)
    for name in (*REQUIRED, BACKBONES[manifest.precision]):
        if name not in manifest.files:
            raise BundleError(f"manifest.json does not list {name}: {REPAIR}")
    expected = {*manifest.files, MANIFEST, SEAL}
    found = names_in(folder) if is_archive(folder) else {entry.name for entry in os.scandir(folder)}
    extra = sorted(found - expected)
    if extra:
        raise BundleError(f"{extra[0][:80]!r} is in the bundle but not in its manifest: remove it, or {REPAIR}")


def read_file(folder: Path, name: str, entry: FileEntry) -> bytes:
    """The bytes of one listed file, once they have the size and the sha256 that the manifest gives."""
    refuse_name(name)  # for callers without check_listing: no name may lead out of the folder
    data = _read(folder, name, MOST_BYTES, entry.size)
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise BundleError(f"{name} is damaged or was replaced (its sha256 is not the manifest's): {REPAIR}")
    return data


def check_contents(files: Mapping[str, bytes], manifest: Manifest) -> None:
    """BundleError where a graph or an array holds what the format forbids."""
    check_graphs(files)
    check_plain_arrays(files)
    check_cohort(files, manifest.embedding_size)


def _read(bundle: Path, name: str, most: int, size: int | None = None) -> bytes:
    """One file of a bundle, of at most `most` bytes, and of exactly `size` where that is given."""
    if not is_archive(bundle):
        return _read_regular(bundle / name, most, size)
    data = read_member(bundle, name, most if size is None else min(most, size))
    _check_size(name, len(data), size)
    return data


def _check_size(name: str, found: int, size: int | None) -> None:
    if size is not None and found != size:
        raise BundleError(f"{name} has {found:,} bytes, its manifest says {size:,}: {REPAIR}")


def _read_regular(path: Path, most: int, size: int | None = None) -> bytes:
    """All bytes of a regular file of at most `most` bytes, and of exactly `size` where that is given.

    Follows no symbolic link, does not block on a pipe, and reads nothing of a file of another size.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise BundleError(f"{path.name} is missing from {path.parent}: {REPAIR}") from None
    except OSError as problem:
        if path.is_symlink():
            raise BundleError(f"{path.name} is a symbolic link; a bundle holds plain files only: {REPAIR}") from None
        raise BundleError(f"{path} cannot be read ({problem.strerror}): {REPAIR}") from problem
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_size > most:
        os.close(handle)
        if stat.S_ISREG(status.st_mode):
            raise BundleError(f"{path.name} has {status.st_size:,} bytes; expected at most {most:,}: {REPAIR}")
        raise BundleError(f"{path.name} is not a plain file; a bundle holds plain files only: {REPAIR}")
    with os.fdopen(handle, "rb") as file:
        data = file.read(most + 1) if size in (None, status.st_size) else b""
    _check_size(path.name, len(data) or status.st_size, size)
    return data
