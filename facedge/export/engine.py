"""onnxruntime sessions as export uses them: from bytes, on a fixed number of threads."""

import os
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import: afterwards it is too late

import onnxruntime as ort

Floats: TypeAlias = npt.NDArray[np.float32]


def session(data: bytes, *, threads: int = 1) -> Any:
    """An InferenceSession of these bytes on the CPU with exactly `threads` threads."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
