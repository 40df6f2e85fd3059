"""A face in any photo -> the aligned 178x218 crop in CelebA geometry, antialiased, the same bits everywhere.

crop = align(photo, refine(photo, face.landmarks))      # uint8 (218, 178, 3)

The kernel (ext/align.c) does the work where it was compiled; `align_reference` is its definition in numpy integers.
"""

from typing import TYPE_CHECKING

import numpy as np

from facedge.errors import InputError
from facedge.faces.similarity import TARGET, Sampling, checked_landmarks, fit_similarity, sampling_for
from facedge.preprocessing import kernel
from facedge.preprocessing.spec import FRAME_HEIGHT, FRAME_WIDTH
from facedge.types import Int32Array, Int64Array, UInt8Array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

POSITION_BITS = 32  # of a position's fraction ...
WEIGHT_BITS = 7  # ... and how many of them make the weights


def align(rgb: UInt8Array, landmarks: "ArrayLike", *, out: UInt8Array | None = None) -> UInt8Array:
    """The face with these landmarks as a crop in CelebA geometry: uint8 (218, 178, 3).

    rgb: uint8 (H, W, 3) RGB or (H, W) grey, any strides, never copied.
    landmarks: (5, 2), x and y in pixels from the photo's corner, in the order of Face.landmarks.
    out: where to write, C-contiguous uint8 (218, 178, 3); returned. None allocates.

    A similarity (rotation, scale, shift) fitted by least squares; pixels outside the photo repeat its border; where
    the face is larger than the crop the frame is averaged, so that nothing aliases (see `align_reference`).
    Raises InputError for another array, and for landmarks that are not finite, collapsed, outside or no face.
    """
    frame = as_frame(rgb)
    points = checked_landmarks(landmarks, *frame.shape[:2])
    shape = (FRAME_HEIGHT, FRAME_WIDTH, 3)
    if out is None:
        out = np.empty(shape, np.uint8)
    elif out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous or not out.flags.writeable:
        raise InputError(f"expected out as a writeable contiguous uint8 array {shape}, got {out.dtype} {out.shape}")
    return sample(frame, sampling_for(*fit_similarity(points, TARGET)), out)


def as_frame(rgb: UInt8Array) -> UInt8Array:
    """uint8 (H, W, 3), a view; grey becomes three equal channels. InputError for anything else."""
    if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8:
        got = rgb.dtype if isinstance(rgb, np.ndarray) else type(rgb).__name__
        raise InputError(f"expected a photo as a uint8 array, got {got}: facedge.imaging.load_rgb reads files")
    frame = np.broadcast_to(rgb[:, :, None], (*rgb.shape, 3)) if rgb.ndim == 2 else rgb
    if frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise InputError(f"expected a photo of shape (H, W, 3) or (H, W), got {rgb.shape}")
    return frame


def sample(frame: UInt8Array, sampling: Sampling, out: UInt8Array) -> UInt8Array:
    """Fill `out` (h, w, 3) with the crop that `sampling` reads from the frame (H, W, 3), and return it."""
    name = kernel.implementation_name()
    if name == "numpy":
        out[...] = align_reference(frame, sampling, *out.shape[:2])
        return out
    s, code = sampling, kernel.compiled.IMPLEMENTATIONS[name]
    kernel.compiled.align(frame, out, s.samples, s.x0, s.y0, s.dx, s.dy, code)
    return out


def align_reference(frame: UInt8Array, sampling: Sampling, out_height: int, out_width: int) -> UInt8Array:
    """(H, W, 3) uint8 -> the crop (out_height, out_width, 3) uint8 that `sampling` describes, in numpy.

    Each output pixel is the mean of samples x samples points of the frame, each read by linear interpolation:

    - the point's position (see Sampling) is clamped to the centres of the frame's first and last pixels, so borders
      replicate, and then cut to 1/128 pixel: x = xi + fx/128, y = yi + fy/128;
    - its value is the sum of its four neighbours' bytes with the weights (128 - fx or fx) * (128 - fy or fy);
    - the sum S over all points becomes floor((S + n/2 * 2^14) / (n * 2^14)), n = samples^2: halves go up.

    The C kernel gives these bits on every implementation.
    """
    count = sampling.samples
    u = count * np.arange(out_width, dtype=np.int64)
    v = count * np.arange(out_height, dtype=np.int64)[:, None]
    total = np.full((out_height, out_width, 3), count * count << (2 * WEIGHT_BITS - 1), np.int64)
    for i in range(count):
        for j in range(count):
            x = sampling.x0 + (u + j) * sampling.dx - (v + i) * sampling.dy
            y = sampling.y0 + (u + j) * sampling.dy + (v + i) * sampling.dx
            total += _points(frame, x, y)
    return ((total >> 2 * WEIGHT_BITS) // (count * count)).astype(np.uint8)


def _points(frame: UInt8Array, x: Int64Array, y: Int64Array) -> Int32Array:
    """2^14 times the frame's values at the positions x, y, both (h, w): int32 (h, w, 3)."""
    left, right, fx = _axis(x, frame.shape[1])
    top, bottom, fy = _axis(y, frame.shape[0])
    one = np.int32(1 << WEIGHT_BITS)
    upper = (one - fx) * frame[top, left] + fx * frame[top, right]
    lower = (one - fx) * frame[bottom, left] + fx * frame[bottom, right]
    return np.asarray((one - fy) * upper + fy * lower, np.int32)


def _axis(position: Int64Array, pixels: int) -> tuple[Int64Array, Int64Array, Int32Array]:
    """Both neighbours of each position on an axis, and the second one's weight of 128, with an axis for channels."""
    clamped = position.clip(0, (pixels - 1) << POSITION_BITS)
    first = clamped >> POSITION_BITS
    weight = (clamped >> (POSITION_BITS - WEIGHT_BITS)) & ((1 << WEIGHT_BITS) - 1)
    return first, np.minimum(first + 1, pixels - 1), weight[:, :, None].astype(np.int32)
