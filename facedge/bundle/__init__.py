"""The bundle: everything a device needs to verify a face, in one directory that proves its own integrity."""

from typing import TYPE_CHECKING, Any

from facedge.bundle.manifest import FORMAT_VERSION, Calibration, DataNote, FileEntry, Manifest, OperatingPoint
from facedge.bundle.reading import Bundle, read_bundle

if TYPE_CHECKING:
    from facedge.bundle.writing import write_bundle

__all__ = [
    "FORMAT_VERSION",
    "Bundle",
    "Calibration",
    "DataNote",
    "FileEntry",
    "Manifest",
    "OperatingPoint",
    "read_bundle",
    "write_bundle",
]


def __getattr__(name: str) -> Any:
    """`write_bundle` comes when it is asked for: a device that verifies should not wait for what only writers need."""
    if name != "write_bundle":
        raise AttributeError(f"module 'facedge.bundle' has no attribute {name!r}")
    from facedge.bundle.writing import write_bundle

    return write_bundle
