"""The bundle: everything a device needs to verify a face, in one directory that proves its own integrity."""

from facedge.bundle.manifest import FORMAT_VERSION, Calibration, DataNote, FileEntry, Manifest, OperatingPoint
from facedge.bundle.reading import Bundle, read_bundle
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
