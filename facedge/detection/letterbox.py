"""A photo brought to the detector's input: antialiased resize, padding, BGR planes.

The resize is facedge.preprocessing's, each channel as a grey image: the exact area average, the same on every machine.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedge.detection.model import MAX_SIDE, MIN_SIDE, STRIDE
from facedge.preprocessing import resize_grey

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
    bgr = np.ascontiguousarray(rgb.transpose(2, 0, 1)[::-1])
    planes = np.zeros((1, 3, box.input_height, box.input_width), np.float32)
    planes[0, :, : box.height, : box.width] = resize_grey(bgr[..., None], (box.height, box.width))
    return planes
