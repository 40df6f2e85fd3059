"""The meaning of facedge's aligner, in plain numpy integers; also the fallback where no kernel was compiled.

Each output pixel is the mean of samples x samples points of the frame, each read by linear interpolation:

- the point's position (see Sampling) is clamped to the centres of the frame's first and last pixels, so borders
  replicate, and then cut to 1/128 pixel: x = xi + fx/128, y = yi + fy/128;
- its value is the sum of its four neighbours' bytes with the weights (128 - fx or fx) * (128 - fy or fy);
- the sum S over all points becomes floor((S + n/2 * 2^14) / (n * 2^14)), n = samples^2: halves go up.

The C kernel gives these bits on every implementation.
"""

import numpy as np
import numpy.typing as npt

from facedge.alignment.similarity import Sampling

POSITION_BITS = 32  # of a position's fraction ...
WEIGHT_BITS = 7  # ... and how many of them make the weights

Integers = npt.NDArray[np.int64]


def align(frame: npt.NDArray[np.uint8], sampling: Sampling, out_height: int, out_width: int) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 -> the crop (out_height, out_width, 3) uint8 that `sampling` describes."""
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


def _points(frame: npt.NDArray[np.uint8], x: Integers, y: Integers) -> npt.NDArray[np.int32]:
    """2^14 times the frame's values at the positions x, y, both (h, w): int32 (h, w, 3)."""
    left, right, fx = _axis(x, frame.shape[1])
    top, bottom, fy = _axis(y, frame.shape[0])
    one = np.int32(1 << WEIGHT_BITS)
    upper = (one - fx) * frame[top, left] + fx * frame[top, right]
    lower = (one - fx) * frame[bottom, left] + fx * frame[bottom, right]
    return np.asarray((one - fy) * upper + fy * lower, np.int32)


def _axis(position: Integers, pixels: int) -> tuple[Integers, Integers, npt.NDArray[np.int32]]:
    """Both neighbours of each position on an axis, and the second one's weight of 128, with an axis for channels."""
    clamped = position.clip(0, (pixels - 1) << POSITION_BITS)
    first = clamped >> POSITION_BITS
    weight = (clamped >> (POSITION_BITS - WEIGHT_BITS)) & ((1 << WEIGHT_BITS) - 1)
    return first, np.minimum(first + 1, pixels - 1), weight[:, :, None].astype(np.int32)
