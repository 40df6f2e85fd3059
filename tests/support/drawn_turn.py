"""Aligned crops of a drawn pattern that turns: its nose moves by a share of the yaw, and the rest as paper does."""

import numpy as np

from facedge.faces.motion import ACROSS, ALONG, COLUMNS, UNIT
from facedge.live.parallax import NOSE
from facedge.types import UInt8Array


def turned_crop(
    yaw: float, nose: float = 1.0, across: float = 0.0, along: float = 0.0, twist: float = 0.0
) -> UInt8Array:
    """uint8 (109, 89), where the nose has moved by nose * yaw eye distances to the right.

    across, along, twist  movements for each eye distance of yaw: a wave across the face, one along it, and a twist
    """
    paper = across * np.cos(1.5 * ACROSS) + along * np.cos(1.5 * (ALONG - 0.5)) + twist * ACROSS * (ALONG - 0.5)
    moved = COLUMNS + UNIT * yaw * (nose * NOSE + paper)
    straight = _pattern()
    rows = [np.interp(COLUMNS[0], to, row) for to, row in zip(moved, straight, strict=True)]
    return np.rint(np.stack(rows)).astype(np.uint8)


def _pattern() -> np.ndarray:
    rng = np.random.default_rng(1)
    x, y = np.meshgrid(np.arange(89.0), np.arange(109.0))
    waves = [np.cos(fx * x + fy * y + p) for fx, fy, p in rng.uniform(-0.45, 0.45, (50, 3)) * (1, 1, 7)]
    return np.clip(128 + 16 * np.sum(waves, axis=0), 0, 255)
