"""Frames of a drawn person before a blurred background: what the pictures of the documentation show."""

import io
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image

from facedge.demo.synthetic_dataset import synthetic_face
from facedge.types import UInt8Array

ENROLLED, IMPOSTOR, SEED = 3, 14, 5
FRAMES = 150


def scene(identity: int) -> UInt8Array:
    """A drawn person before a blurred background, uint8 (480, 640, 3) RGB."""
    jpeg, _ = synthetic_face(SEED, identity, 0)
    face = cv2.resize(
        np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")), (392, 480), interpolation=cv2.INTER_CUBIC
    )
    wide = cv2.copyMakeBorder(face, 0, 0, 124, 124, cv2.BORDER_REPLICATE)
    inside = np.zeros((480, 640), np.float32)
    inside[:, 132:508] = 1
    sharp = cv2.GaussianBlur(inside, (0, 0), 9)[..., None]
    mixed = wide * sharp + cv2.GaussianBlur(wide, (0, 0), 18) * (1 - sharp)
    return np.asarray(mixed, np.uint8)


def moving(picture: UInt8Array) -> Iterator[UInt8Array]:
    """FRAMES frames of the picture under a small periodic rotation, scale and shift."""
    for turn in 2 * np.pi * np.arange(FRAMES) / FRAMES:
        move = cv2.getRotationMatrix2D((320, 260), 2.5 * np.sin(turn), 1 + 0.02 * np.sin(2 * turn))
        move[:, 2] += [8 * np.sin(turn), 4 * np.cos(2 * turn)]
        frame = cv2.warpAffine(picture, move, (640, 480), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        yield np.asarray(frame, np.uint8)
