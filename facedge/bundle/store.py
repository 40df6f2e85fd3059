"""Reading and writing bundle directories: hashes first on the way in, all or nothing on the way out."""

import ctypes
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from facedge.bundle import layout
from facedge.bundle._fields import REPAIR, parse_json
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

    Order: format version, the manifest's own hash, its content, the list of files, every hash, then that the graphs
    keep no data outside. Raises BundleError in one sentence at the first thing that is wrong.
    """
    folder = Path(path)
    if not folder.is_dir():
        came = "a file" if folder.exists() else "nothing there"
        raise BundleError(f"{folder}: expected a bundle directory (NAME{layout.SUFFIX}), got {came}")
    data = layout.read_regular(folder / layout.MANIFEST, layout.MOST_MANIFEST_BYTES)
    refuse_other_versions(parse_json(data, layout.MANIFEST))
    seal = layout.read_regular(folder / layout.SEAL, 1024)
    if seal != seal_of(data):
        raise BundleError(f"{layout.MANIFEST} was edited or damaged ({layout.SEAL} does not match it): {REPAIR}")
    manifest = Manifest.from_json(data)
    _check_listing(folder, manifest)
    files = {name: _checked(folder / name, entry) for name, entry in sorted(manifest.files.items())}
    check_graphs(files)
    return Bundle(folder, manifest, files, hashlib.sha256(data).hexdigest())


def write_bundle(path: str | Path, files: Mapping[str, bytes], manifest: Manifest, *, private: bool = False) -> Bundle:
    """Write a bundle directory, all or nothing, and return it as read back from the disk.

    path      NAME.facedge; an existing bundle there is replaced in one step, anything else there is refused
    files     bytes by name: backbone.onnx and head.onnx, and any of the optional names in `layout`
    manifest  its `files` are filled in here, from the bytes
    private   True for a person's own bundle: directory 0700, files 0600

    Raises BundleError when the content breaks the format, OSError when the disk does; then nothing has changed.
    """
    target = Path(path)
    _check_target(target)
    for name in layout.REQUIRED:
        if name not in files:
            raise BundleError(f"a bundle needs {name}, got only {', '.join(sorted(files)) or 'no files'}")
    for name in files:
        layout.refuse_name(name)
    check_graphs(files)
    entries = {name: FileEntry(hashlib.sha256(data).hexdigest(), len(data)) for name, data in sorted(files.items())}
    text = replace(manifest, files=entries).to_json()
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        for name, data in {**files, layout.MANIFEST: text, layout.SEAL: seal_of(text)}.items():
            _write_synced(staging / name, data, 0o600 if private else 0o644)
        staging.chmod(0o700 if private else 0o755)
        read_bundle(staging)
        _put_in_place(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)  # what is left here is the old bundle, or a failed attempt
    return read_bundle(target)


def seal_of(manifest: bytes) -> bytes:
    """The content of manifest.sha256, as `sha256sum manifest.json` prints it."""
    return f"{hashlib.sha256(manifest).hexdigest()}  {layout.MANIFEST}\n".encode()


def _check_listing(folder: Path, manifest: Manifest) -> None:
    for name in manifest.files:
        layout.refuse_name(name)
    for name in layout.REQUIRED:
        if name not in manifest.files:
            raise BundleError(f"manifest.json does not list {name}: {REPAIR}")
    expected = {*manifest.files, layout.MANIFEST, layout.SEAL}
    extra = sorted({entry.name for entry in os.scandir(folder)} - expected)
    if extra:
        raise BundleError(f"{extra[0][:80]!r} is in the bundle but not in its manifest: remove it, or {REPAIR}")


def _checked(path: Path, entry: FileEntry) -> bytes:
    data = layout.read_regular(path)
    if len(data) != entry.size:
        raise BundleError(f"{path.name} has {len(data):,} bytes, its manifest says {entry.size:,}: {REPAIR}")
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise BundleError(f"{path.name} is damaged or was replaced (its sha256 is not the manifest's): {REPAIR}")
    return data


def _check_target(target: Path) -> None:
    if target.suffix != layout.SUFFIX or not target.stem.strip("."):
        raise BundleError(f"a bundle's name ends in {layout.SUFFIX}, got {target.name!r}: use -o NAME{layout.SUFFIX}")
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise BundleError(f"{target} exists and is not a bundle: choose another name, or remove it yourself")
    if target.is_dir() and any(target.iterdir()) and not (target / layout.MANIFEST).is_file():
        raise BundleError(f"{target} exists and is not a bundle: choose another name, or remove it yourself")


def _write_synced(path: Path, data: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _put_in_place(staging: Path, target: Path) -> None:
    """Swap `staging` into `target`; the old bundle, if any, ends up at `staging` for the caller to delete."""
    if not target.exists():
        staging.rename(target)
        return
    if _exchange(staging, target):
        return
    aside = staging.with_name(staging.name + ".old")
    target.rename(aside)
    try:
        staging.rename(target)
    except OSError:
        aside.rename(target)
        raise
    aside.rename(staging)


def _exchange(one: Path, other: Path) -> bool:
    """Linux can swap two directories atomically (renameat2, RENAME_EXCHANGE); False where it cannot."""
    try:
        renameat2 = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    at_cwd, exchange = -100, 2
    return bool(renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), exchange) == 0)
