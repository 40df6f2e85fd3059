"""Photos made worse on purpose, by known amounts: uint8 grey (H, W) in, the same shape out."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Grey = npt.NDArray[np.uint8]
EYES_AND_MOUTH = (88.0 / 178, 131.0 / 218)  # the middle of the five landmarks of CelebA geometry, in shares


@dataclass(frozen=True)
class Degradation:
    """A way to spoil a photo, its unit, and the levels to try; `clean` is the level that changes nothing, if any."""

    name: str
    title: str
    unit: str
    apply: Callable[[Grey, float], Grey]
    levels: tuple[float, ...]
    clean: float | None
    labels: tuple[str, ...] = ()


def brightness(image: Grey, factor: float) -> Grey:
    """Multiply the pixels and clip, as a wrong exposure does."""
    brighter: Grey = np.clip(np.rint(image * factor), 0, 255).astype(np.uint8)
    return brighter


def rotation(image: Grey, degrees: float) -> Grey:
    """Turn about the middle of the face; the border repeats the nearest pixels, as a real photo goes on."""
    height, width = image.shape
    pad = max(height, width) // 2
    padded = Image.fromarray(np.pad(image, pad, mode="edge"))
    centre = (EYES_AND_MOUTH[0] * width + pad, EYES_AND_MOUTH[1] * height + pad)
    turned = padded.rotate(degrees, resample=Image.Resampling.BICUBIC, center=centre)
    return np.asarray(turned)[pad : pad + height, pad : pad + width]


def blur(image: Grey, sigma: float) -> Grey:
    """Gaussian blur, sigma in pixels of the 178-pixel-wide frame."""
    scale = image.shape[1] / 178
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma * scale)))


def jpeg(image: Grey, quality: float) -> Grey:
    """Save as JPEG and load again."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=int(quality))
    with Image.open(buffer) as loaded:
        return np.asarray(loaded)


def low_resolution(image: Grey, width: float) -> Grey:
    """Shrink the frame to `width` pixels across (box filter) and enlarge it again."""
    full = Image.fromarray(image)
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    small = full.resize((int(width), height), Image.Resampling.BOX)
    return np.asarray(small.resize(full.size, Image.Resampling.BILINEAR))


def covered(image: Grey, part: float) -> Grey:
    """Paint half of the face mid-grey: part 0 the left, 1 the right, 2 from the nose down, 3 from the nose up."""
    spoilt = image.copy()
    row, column = round(134 / 218 * image.shape[0]), round(EYES_AND_MOUTH[0] * image.shape[1])
    area = (np.s_[:, :column], np.s_[:, column:], np.s_[row:, :], np.s_[:row, :])[int(part)]
    spoilt[area] = 127
    return spoilt


WIDTHS = (16, 24, 32, 48, 89, 178)
HALVES = ("left", "right", "lower", "upper")
DEGRADATIONS = (
    Degradation("brightness", "Brightness", "times as bright", brightness, (0.2, 0.35, 0.6, 1.0, 1.5, 2.2), 1.0),
    Degradation("rotation", "Rotation", "degrees", rotation, (-30, -15, -7, 0, 7, 15, 30), 0),
    Degradation("blur", "Blur", "pixels sigma, of 178", blur, (0, 1, 2, 3, 5, 7), 0),
    Degradation("jpeg", "JPEG compression", "JPEG quality", jpeg, (3, 6, 12, 25, 50, 90), None),
    Degradation(
        "resolution", "Low resolution", "pixels across the frame", low_resolution, (16, 24, 32, 48, 89, 178), 178
    ),
    Degradation(
        "covered", "Half covered", "half of the face", covered, (0, 1, 2, 3), None, ("left", "right", "lower", "upper")
    ),
)
