"""Writing a bundle directory: all or nothing."""

import ctypes
import hashlib
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from facedge.bundle import layout
from facedge.bundle.manifest import FileEntry, Manifest
from facedge.bundle.reading import Bundle, check_contents, read_bundle
from facedge.errors import BundleError


def write_bundle(path: str | Path, files: Mapping[str, bytes], manifest: Manifest, *, private: bool = False) -> Bundle:
    """Write a bundle directory, all or nothing, and return it as read back from the disk.

    path      NAME.facedge; an existing bundle there is replaced in one step, anything else there is refused
    files     bytes by name: backbone.onnx and head.onnx, and any of the optional names in `layout`
    manifest  its `files` are filled in here, from the bytes
    private   True for a person's own bundle: directory 0700, files 0600

    Raises BundleError when the content breaks the format, OSError when the disk does; then nothing has changed.
    """
    target = Path(path)
    check_target(target)
    for name in (*layout.REQUIRED, layout.BACKBONES[manifest.precision]):
        if name not in files:
            raise BundleError(f"a bundle needs {name}, got only {', '.join(sorted(files)) or 'no files'}")
    for name in files:
        layout.refuse_name(name)
    check_contents(files, manifest)
    entries = {name: FileEntry(hashlib.sha256(data).hexdigest(), len(data)) for name, data in sorted(files.items())}
    text = replace(manifest, files=entries).to_json()
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    staging.mkdir(0o700 if private else 0o755)
    try:
        for name, data in {**files, layout.MANIFEST: text, layout.SEAL: layout.seal_of(text)}.items():
            _write_synced(staging / name, data, 0o600 if private else 0o644)
        read_bundle(staging)
        _put_in_place(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)  # what is left here is the old bundle, or a failed attempt
    return read_bundle(target)


def check_target(target: Path) -> None:
    """BundleError unless a bundle may be written at `target`: the name fits, and nothing else is in the way."""
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
