"""The aligner's inner call: a frame and a plan -> a crop, by the kernel or by numpy."""

import numpy as np
import numpy.typing as npt

from facedge.alignment import _reference
from facedge.alignment.similarity import Sampling
from facedge.errors import InputError
from facedge.preprocessing import _kernels

Bytes = npt.NDArray[np.uint8]


def as_frame(rgb: Bytes) -> Bytes:
    """uint8 (H, W, 3), a view; grey becomes three equal channels. InputError for anything else."""
    if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8:
        got = rgb.dtype if isinstance(rgb, np.ndarray) else type(rgb).__name__
        raise InputError(f"expected a photo as a uint8 array, got {got}: facedge.imaging.load_rgb reads files")
    frame = np.broadcast_to(rgb[:, :, None], (*rgb.shape, 3)) if rgb.ndim == 2 else rgb
    if frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise InputError(f"expected a photo of shape (H, W, 3) or (H, W), got {rgb.shape}")
    return frame


def sample(frame: Bytes, sampling: Sampling, out: Bytes) -> Bytes:
    """Fill `out` (h, w, 3) with the crop that `sampling` reads from the frame (H, W, 3), and return it."""
    name = _kernels.chosen()
    if name == "numpy":
        out[...] = _reference.align(frame, sampling, *out.shape[:2])
        return out
    s, code = sampling, _kernels.kernel.IMPLEMENTATIONS[name]
    _kernels.kernel.align(frame, out, s.samples, s.x0, s.y0, s.dx, s.dy, code)
    return out
