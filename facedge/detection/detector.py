"""YuNet on onnxruntime: one session for each input size, kept."""

import os
import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facedge.detection import decode as _decode
from facedge.detection.decode import Candidates
from facedge.detection.letterbox import fit, input_planes
from facedge.detection.model import find_model, model_bytes, with_input_size

if TYPE_CHECKING:
    import onnxruntime

MAX_OVERLAP = 0.3  # IoU above which two boxes are one face; OpenCV's default
KEPT_SESSIONS = 16  # input sizes; photos of many shapes share few, as sides are multiples of 32
COARSE_SIDE = 192  # the second look, for faces too near to be seen whole in a large input
LARGEST_SEEN = 400  # width in input pixels up to which the network finds nearly every face (benchmarks/detection.py)


class Detector:
    """The YuNet network with its sessions; safe to share between threads.

    path: of the model file; None finds it as facedge.detection.model.find_model does.
    threads: that onnxruntime uses within one run.
    Raises MissingDependencyError where there is no such file, or a wrong one.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, threads: int = 1) -> None:
        self.path = find_model(path)
        self._model = model_bytes(self.path)
        self._threads = threads
        self._sessions: OrderedDict[tuple[int, int], onnxruntime.InferenceSession] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, rgb: NDArray[np.uint8], longer_side: int, min_score: float) -> Candidates:
        """Faces in a photo (H, W, 3) uint8 RGB, by falling score, in the photo's pixels.

        longer_side: the number of input pixels that the photo's longer side is brought to. Where a face could fill
        more of the input than the network sees, a coarse second pass looks for such faces.
        """
        passes = [longer_side] if longer_side <= LARGEST_SEEN else [longer_side, COARSE_SIDE]
        found = _decode.concatenate([self._one_pass(rgb, side, min_score) for side in passes])
        return _decode.suppress(found, MAX_OVERLAP)

    def _one_pass(self, rgb: NDArray[np.uint8], longer_side: int, min_score: float) -> Candidates:
        height, width = rgb.shape[:2]
        box = fit(height, width, longer_side)
        return self.candidates(input_planes(rgb, box), min_score).scaled(box.to_photo(height, width))

    def candidates(self, planes: NDArray[np.float32], min_score: float) -> Candidates:
        """Everything that scores at least `min_score` in planes (1, 3, H, W), before suppression, in their pixels."""
        return _decode.decode(self.run(planes), planes.shape[3], min_score)

    def run(self, planes: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The raw outputs, in the order of decode.OUTPUT_NAMES, for planes (1, 3, H, W) BGR from 0 to 255."""
        session = self._session(planes.shape[2], planes.shape[3])
        outputs: list[NDArray[np.float32]] = session.run(list(_decode.OUTPUT_NAMES), {"input": planes})
        return outputs

    def _session(self, height: int, width: int) -> "onnxruntime.InferenceSession":
        with self._lock:
            if (height, width) not in self._sessions:
                self._sessions[height, width] = self._open(height, width)
                if len(self._sessions) > KEPT_SESSIONS:
                    self._sessions.popitem(last=False)
            self._sessions.move_to_end((height, width))
            return self._sessions[height, width]

    def _open(self, height: int, width: int) -> "onnxruntime.InferenceSession":
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import, or it reaches for the network
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # the file still declares the output shapes of 640x640, which it warns about
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        model = with_input_size(self._model, height, width)
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=4)
def _shared(path: Path) -> Detector:
    return Detector(path)


def default_detector() -> Detector:
    """The process's one detector for the file that find_model() names now."""
    return _shared(find_model())
