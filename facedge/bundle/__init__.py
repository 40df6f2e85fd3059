"""The bundle: a directory with everything a device needs to verify a face, sealed by sha256 hashes.

format.py                  file names and limits               manifest.py   manifest.json as a dataclass
read.py, write.py          the directory                       resolve.py    the bundle that a name or path means
archive.py                 the same in one file, a zip
onnx_file.py               protobuf fields, and the graphs     arrays.py     the .npy files
head_onnx.py               head.onnx, and verifier.onnx's head
json_fields.py             JSON, read strictly                 card.py       the text of `facedge bundle show`
"""

from typing import TYPE_CHECKING, Any

from facedge.bundle.manifest import FORMAT_VERSION, Calibration, DataNote, FileEntry, Manifest, OperatingPoint
from facedge.bundle.read import Bundle, read_bundle

if TYPE_CHECKING:
    from facedge.bundle.write import write_bundle

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
    """`write_bundle` is imported on first use: verification needs no writing."""
    if name != "write_bundle":
        raise AttributeError(f"module 'facedge.bundle' has no attribute {name!r}")
    from facedge.bundle.write import write_bundle

    return write_bundle
