"""Reading a bundle directory: every byte is hashed before anything is believed, and used as it was hashed."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from facedge.bundle import layout
from facedge.bundle._fields import REPAIR, parse_json
from facedge.bundle.arrays import check_arrays
from facedge.bundle.graph import check_graphs
from facedge.bundle.manifest import FileEntry, Manifest, refuse_other_versions
from facedge.errors import BundleError


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every byte has been checked against its manifest.

    `files` holds the very bytes that were hashed: load from them, never from `path` again.
    `sha256` is the hash of manifest.json and so names the whole bundle.
    """

    path: Path
    manifest: Manifest
    files: Mapping[str, bytes]
    sha256: str


def read_bundle(path: str | Path) -> Bundle:
    """Read and check a bundle directory.

    Order: format version, the manifest's own hash, its content, the list of files, every hash, then that graphs and
    arrays hold nothing the format forbids. Raises BundleError in one sentence at the first thing that is wrong.
    """
    folder = Path(path)
    manifest, sha256 = read_manifest(folder)
    check_listing(folder, manifest)
    files = {name: read_file(folder, name, entry) for name, entry in sorted(manifest.files.items())}
    check_contents(files, manifest)
    return Bundle(folder, manifest, files, sha256)


def read_manifest(folder: Path) -> tuple[Manifest, str]:
    """The manifest of a bundle and its sha256, after its version, its seal and its content were checked."""
    if not folder.is_dir():
        came = "a file" if folder.exists() else "nothing there"
        raise BundleError(f"{folder}: expected a bundle directory (NAME{layout.SUFFIX}), got {came}")
    data = layout.read_regular(folder / layout.MANIFEST, layout.MOST_MANIFEST_BYTES)
    refuse_other_versions(parse_json(data, layout.MANIFEST))
    if layout.read_regular(folder / layout.SEAL, 1024) != layout.seal_of(data):
        raise BundleError(f"{layout.MANIFEST} was edited or damaged ({layout.SEAL} does not match it): {REPAIR}")
    return Manifest.from_json(data), hashlib.sha256(data).hexdigest()


def check_listing(folder: Path, manifest: Manifest) -> None:
    """BundleError unless the directory holds exactly the files its manifest lists, all of names the format knows."""
    for name in manifest.files:
        layout.refuse_name(name)
    for name in (*layout.REQUIRED, layout.BACKBONES[manifest.precision]):
        if name not in manifest.files:
            raise BundleError(f"manifest.json does not list {name}: {REPAIR}")
    expected = {*manifest.files, layout.MANIFEST, layout.SEAL}
    extra = sorted({entry.name for entry in os.scandir(folder)} - expected)
    if extra:
        raise BundleError(f"{extra[0][:80]!r} is in the bundle but not in its manifest: remove it, or {REPAIR}")


def read_file(folder: Path, name: str, entry: FileEntry) -> bytes:
    """The bytes of one listed file, once they have the size and the sha256 that the manifest gives."""
    layout.refuse_name(name)  # here too: no caller may be led out of the folder
    data = layout.read_regular(folder / name)
    if len(data) != entry.size:
        raise BundleError(f"{name} has {len(data):,} bytes, its manifest says {entry.size:,}: {REPAIR}")
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise BundleError(f"{name} is damaged or was replaced (its sha256 is not the manifest's): {REPAIR}")
    return data


def check_contents(files: Mapping[str, bytes], manifest: Manifest) -> None:
    """BundleError where a graph or an array holds what the format forbids."""
    check_graphs(files)
    check_arrays(files, manifest.embedding_size)
