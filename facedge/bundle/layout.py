"""Which files a bundle may hold, and how to read one without being led astray."""

import hashlib
import os
import re
import stat
from pathlib import Path

from facedge.bundle._fields import REPAIR
from facedge.errors import BundleError

SUFFIX = ".facedge"
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"  # one line of `sha256sum`: a bundle is checked from the outside with `sha256sum -c`
REQUIRED = ("backbone.onnx", "head.onnx")
BACKBONES = {"fp32": "backbone.onnx", "int8": "backbone.int8.onnx"}  # by precision
OPTIONAL = (
    "backbone.int8.onnx",
    "verifier.onnx",
    "cohort.npy",
    "cohort_identities.npy",
    "enrolled.npy",
    "card.md",
    "golden.json",
)
GOLDEN_ARRAY = re.compile(r"golden_[a-z0-9_]{1,60}\.npy")  # arrays of the test kit that golden.json describes
MOST_BYTES = 1 << 30  # a bundle is megabytes; a gigabyte in one file is a mistake or an attack
MOST_MANIFEST_BYTES = 4 << 20


def allowed(name: str) -> bool:
    """Whether format version 1 knows a file of this name. Names are flat, so no path can leave the bundle."""
    return name in REQUIRED or name in OPTIONAL or GOLDEN_ARRAY.fullmatch(name) is not None


def refuse_name(name: str) -> None:
    """BundleError for a file name that format version 1 does not know."""
    if not allowed(name):
        raise BundleError(
            f"manifest.json lists {name[:80]!r}, which is no file of a bundle (expected {', '.join(REQUIRED)}, "
            f"{', '.join(OPTIONAL)} or golden_*.npy): {REPAIR}"
        )


def seal_of(manifest: bytes) -> bytes:
    """The content of manifest.sha256, as `sha256sum manifest.json` prints it."""
    return f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()


def read_regular(path: Path, most: int = MOST_BYTES) -> bytes:
    """All bytes of a regular file of at most `most` bytes. Follows no symlink, waits on no pipe."""
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
        return file.read(most + 1)
