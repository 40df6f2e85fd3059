"""The contrast gate before scoring; the gates of an enrollment are tested with the samples they refuse."""

import numpy as np
import pytest

from facedge.faces.pose import eye_distance
from facedge.faces.quality import LEAST_INPUT_CONTRAST, too_poor
from facedge.types import Float32Array


def network_input(deviation: float) -> Float32Array:
    """float32 (1, 1, 64, 64) whose standard deviation is so many grey levels."""
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 2.0 - 1
    return (checks * deviation / 127.5).astype(np.float32)[None, None]


@pytest.mark.parametrize(
    ("deviation", "poor"),
    [(0.0, True), (LEAST_INPUT_CONTRAST - 0.1, True), (LEAST_INPUT_CONTRAST + 0.1, False), (21.0, False)],
)
def test_flat_inputs_are_too_poor(deviation: float, poor: bool) -> None:
    assert too_poor(network_input(deviation)) is poor


def test_an_input_that_is_not_finite_is_too_poor() -> None:
    tensor = network_input(40.0)
    tensor[0, 0, 3, 3] = np.nan
    assert too_poor(tensor)


def test_the_eye_distance_is_in_pixels() -> None:
    assert eye_distance(((10.0, 20.0), (40.0, 60.0), (25.0, 60.0))) == 50.0
