"""Writing a bundle directory: whole or not at all, durably."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from facedge.bundle.format import BACKBONES, MANIFEST, REQUIRED, SEAL, SUFFIX, refuse_name, seal_of
from facedge.bundle.manifest import FileEntry, Manifest
from facedge.bundle.read import Bundle, check_contents, read_bundle
from facedge.errors import BundleError
from facedge.files import replace_directory, sync, temporary_sibling


def write_bundle(path: str | Path, files: Mapping[str, bytes], manifest: Manifest, *, private: bool = False) -> Bundle:
    """Write a bundle directory, whole or not at all, and return it as read back from the disk.

    Args:
        path: NAME.facedge; an existing bundle there is replaced in one step, anything else there is refused
        files: bytes by name: backbone.onnx and head.onnx, and any of the optional names in `facedge.bundle.format`
        manifest: its `files` are filled in here, from the bytes
        private: True for a person's own bundle: directory 0700, files 0600

    Raises BundleError when the content breaks the format, OSError when the disk fails; then nothing has changed.
    """
    target = Path(path)
    check_target(target)
    for name in (*REQUIRED, BACKBONES[manifest.precision]):
        if name not in files:
            raise BundleError(f"a bundle needs {name}, got only {', '.join(sorted(files)) or 'no files'}")
    for name in files:
        refuse_name(name)
    check_contents(files, manifest)
    entries = {name: FileEntry(hashlib.sha256(data).hexdigest(), len(data)) for name, data in sorted(files.items())}
    text = replace(manifest, files=entries).to_json()
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = temporary_sibling(target)
    staging.mkdir(0o700 if private else 0o755)
    try:
        for name, data in {
            **files,
            MANIFEST: text,
            SEAL: seal_of(text),
        }.items():
            _write_synced(staging / name, data, 0o600 if private else 0o644)
        sync(staging)
        read_bundle(staging)
        replace_directory(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)  # of a failed attempt
    return read_bundle(target)


def check_target(target: Path) -> None:
    """BundleError unless a bundle may be written at `target`: the name fits, and nothing else is in the way."""
    if target.suffix != SUFFIX or not target.stem.strip("."):
        raise BundleError(f"a bundle's name ends in {SUFFIX}, got {target.name!r}: use -o NAME{SUFFIX}")
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise BundleError(f"{target} exists and is not a bundle: choose another name, or remove it yourself")
    if target.is_dir() and any(target.iterdir()) and not (target / MANIFEST).is_file():
        raise BundleError(f"{target} exists and is not a bundle: choose another name, or remove it yourself")


def _write_synced(path: Path, data: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
