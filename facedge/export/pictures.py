"""Images for checks: real ones of a prepared dataset, or a few that are drawn here in integers, the same everywhere."""

import numpy as np
import numpy.typing as npt

from facedge.dataset.faces import Faces

Bytes = npt.NDArray[np.uint8]
MOST = 64


def parity_images(faces: Faces | None) -> tuple[Bytes, str]:
    """(uint8 (N, H, W) grey or (N, H, W, 3), where they come from): up to 64 real faces, evenly spread, else drawn."""
    if faces is None or not len(faces.images):
        return np.stack([drawn_face(seed) for seed in range(16)]), "drawn images"
    rows = np.unique(np.linspace(0, len(faces.images) - 1, MOST).astype(np.int64))
    return np.ascontiguousarray(faces.images[rows]), f"{faces.info['name']}"


def drawn_face(seed: int) -> Bytes:
    """A disc with eyes and a mouth in the 178x218 frame, uint8 (218, 178, 3); colours and places vary with the seed."""
    r = _numbers(seed, 12).astype(np.int64)
    y, x = np.mgrid[0:218, 0:178].astype(np.int64)
    image = np.empty((218, 178, 3), np.int64)
    image[:] = r[0:3]
    image += (y * (r[3] % 3) // 4)[..., None]
    image[_ellipse(x, y, 88, 128, 52 + r[4] % 8, 72 + r[5] % 10)] = 90 + r[6:9] // 2
    for centre in (68, 108):
        image[_ellipse(x, y, centre, 111, 8 + r[9] % 4, 4 + r[9] % 3)] = r[10] // 4
    image[_ellipse(x, y, 87, 152, 14 + r[11] % 8, 4 + r[3] % 4)] = (150, 40, 50)
    return np.clip(image, 0, 255).astype(np.uint8)


def _ellipse(
    x: npt.NDArray[np.int64], y: npt.NDArray[np.int64], cx: int, cy: int, rx: np.int64, ry: np.int64
) -> npt.NDArray[np.bool_]:
    return np.asarray((x - cx) ** 2 * ry * ry + (y - cy) ** 2 * rx * rx <= rx * rx * ry * ry)


def _numbers(seed: int, count: int) -> Bytes:
    """Bytes of splitmix64 (Steele, Lea and Flood 2014): any language can draw the same ones."""
    with np.errstate(over="ignore"):
        z = (np.arange(1, count + 1, dtype=np.uint64) + np.uint64(seed * 1_000_003)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) & np.uint64(255)).astype(np.uint8)
