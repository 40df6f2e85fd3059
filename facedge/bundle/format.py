"""The bundle format, version 1: its file names, its limits, and the seal of the manifest (text: deploy/FORMAT.md)."""

import hashlib
import re

from facedge.bundle.json_fields import REPAIR
from facedge.errors import BundleError

SUFFIX = ".facedge"
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"  # one line of `sha256sum`: `sha256sum -c manifest.sha256` checks a bundle without facedge
REQUIRED = ("backbone.onnx", "head.onnx")
BACKBONES = {"fp32": "backbone.onnx", "int8": "backbone.int8.onnx"}  # by precision
OPTIONAL = (
    "backbone.int8.onnx",
    "verifier.onnx",
    "cohort.npy",
    "cohort_identities.npy",
    "enrolled.npy",
    "calibration.json",
    "card.md",
    "golden.json",
)
GOLDEN_ARRAY = re.compile(r"golden_[a-z0-9_]{1,60}\.npy")  # arrays of the golden vectors that golden.json describes
MOST_BYTES = 1 << 30  # of all files together; a bundle has megabytes, and a gigabyte is a mistake or an attack
MOST_MANIFEST_BYTES = 4 << 20


def allowed(name: str) -> bool:
    """Whether format version 1 has a file of this name. Names are flat, so no path leads out of the bundle."""
    return name in REQUIRED or name in OPTIONAL or GOLDEN_ARRAY.fullmatch(name) is not None


def refuse_name(name: str) -> None:
    """BundleError for a file name that format version 1 does not have."""
    if not allowed(name):
        raise BundleError(
            f"manifest.json lists {name[:80]!r}, which is no file of a bundle (expected {', '.join(REQUIRED)}, "
            f"{', '.join(OPTIONAL)} or golden_*.npy): {REPAIR}"
        )


def seal_of(manifest: bytes) -> bytes:
    """The content of manifest.sha256, as `sha256sum manifest.json` prints it."""
    return f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()
