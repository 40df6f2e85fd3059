"""Is there enough in a crop to answer at all?"""

import numpy as np
from numpy.typing import NDArray

LEAST_CONTRAST = 8.0  # grey levels; the flattest of 1,500 random CelebA faces has 21, a covered lens about 2
HALF_RANGE = 127.5  # grey levels in one unit of the network's input


def contrast(tensor: NDArray[np.float32]) -> float:
    """Standard deviation in grey levels of one network input, float32 (1, 1, S, S)."""
    return float(tensor.std()) * HALF_RANGE


def too_poor(tensor: NDArray[np.float32]) -> bool:
    """Whether the crop is so flat (dark, white, covered) that any score would be about noise, or is no number."""
    return not contrast(tensor) >= LEAST_CONTRAST
