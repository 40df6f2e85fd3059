"""A photo brought to the detector's input: antialiased resize, padding, BGR planes.

The resize is section "Preprocessing" of the package in colour: the same integer weights as
facedge.preprocessing, vertical first, each channel for itself, rounded to whole levels. Numpy and the C kernel
give the same values.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facedge.detection.model import MAX_SIDE, MIN_SIDE, STRIDE
from facedge.preprocessing import _reference
from facedge.preprocessing.spec import FRACTION

MAX_ENLARGEMENT = 2.0  # more pixels than that show the detector nothing new


@dataclass(frozen=True)
class Letterbox:
    """How a photo lies in the input: `height` x `width` pixels in the top left corner of input_height x input_width."""

    height: int
    width: int
    input_height: int
    input_width: int

    def to_photo(self, photo_height: int, photo_width: int) -> tuple[float, float]:
        """Factors of x and y from the input's pixels to the photo's."""
        return photo_width / self.width, photo_height / self.height


def fit(photo_height: int, photo_width: int, longer_side: int) -> Letterbox:
    """The letterbox that shows the photo's longer side in `longer_side` pixels, enlarged at most twice."""
    scale = min(longer_side / max(photo_height, photo_width), MAX_ENLARGEMENT)
    height, width = max(1, round(photo_height * scale)), max(1, round(photo_width * scale))
    return Letterbox(height, width, _input_side(height), _input_side(width))


def _input_side(pixels: int) -> int:
    """The smallest side the detector takes that holds `pixels`."""
    return min(max(-(-pixels // STRIDE) * STRIDE, MIN_SIDE), MAX_SIDE)


def input_planes(rgb: NDArray[np.uint8], box: Letterbox) -> NDArray[np.float32]:
    """(H, W, 3) uint8 RGB, any strides -> float32 (1, 3, input_height, input_width) BGR from 0 to 255, zero-padded."""
    planes = np.zeros((1, 3, box.input_height, box.input_width), np.float32)
    _fill_planes(rgb, planes[0, :, : box.height, : box.width])
    return planes


def _fill_planes(rgb: NDArray[np.uint8], planes: NDArray[np.float32]) -> None:
    """Write the resized channels of `rgb` to `planes` (3, h, w), blue first."""
    height, width = rgb.shape[:2]
    rows, row_weights = _taps(height, planes.shape[1])
    columns, column_weights = _taps(width, planes.shape[2])
    middle = np.zeros((planes.shape[1], width, 3), np.int32)
    for tap in range(rows.shape[1]):
        middle += row_weights[:, tap, None, None] * rgb[rows[:, tap]]
    middle = (middle + 128) >> 8
    total = np.full((planes.shape[1], planes.shape[2], 3), 1 << 15, np.int32)
    for tap in range(columns.shape[1]):
        total += column_weights[:, tap, None] * middle[:, columns[:, tap]]
    planes[:] = (total >> 16)[:, :, ::-1].transpose(2, 0, 1)


@lru_cache(maxsize=64)
def _taps(pixels: int, outputs: int) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Source index and weight of each tap of each output, both (outputs, taps); weights sum to 4096."""
    dense = _reference.weights(pixels, outputs, 0, pixels * FRACTION)[:, :, 0]
    first = (dense != 0).argmax(axis=1)
    count = int((dense != 0).sum(axis=1).max())
    index = np.minimum(first[:, None] + np.arange(count), pixels - 1)
    weight = np.take_along_axis(dense, index, axis=1)
    weight[first[:, None] + np.arange(count) >= pixels] = 0
    return index, weight.astype(np.int32)
