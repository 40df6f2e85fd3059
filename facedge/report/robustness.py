"""Error rates as probes get worse: photos degraded by known amounts, compared with clean ones at a fixed threshold."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from facedge.report.model import Model
from facedge.report.verification import FixedThreshold
from facedge.types import BoolArray, Float32Array, Int32Array, Track, UInt8Array, untracked

FACE_CENTRE = (88.0 / 178, 131.0 / 218)  # the middle of the five landmarks of CelebA geometry, in shares
NOSE_ROW = 134.0 / 218


@dataclass(frozen=True)
class Degradation:
    """A way to degrade a grey photo uint8 (H, W), its unit, and the levels to try.

    `clean` is the level that changes nothing, if any; `labels` name the levels where numbers do not.
    """

    name: str
    title: str
    unit: str
    apply: Callable[[UInt8Array, float], UInt8Array]
    levels: tuple[float, ...]
    clean: float | None
    labels: tuple[str, ...] = ()


def brightness(image: UInt8Array, factor: float) -> UInt8Array:
    """Multiply the pixels and clip, as a wrong exposure does."""
    return np.asarray(np.clip(np.rint(image * factor), 0, 255), dtype=np.uint8)


def rotation(image: UInt8Array, degrees: float) -> UInt8Array:
    """Rotate about the middle of the face; what lies outside the photo repeats its border pixels."""
    height, width = image.shape
    pad = max(height, width) // 2
    padded = Image.fromarray(np.pad(image, pad, mode="edge"))
    centre = (FACE_CENTRE[0] * width + pad, FACE_CENTRE[1] * height + pad)
    turned = padded.rotate(degrees, resample=Image.Resampling.BICUBIC, center=centre)
    return np.asarray(turned)[pad : pad + height, pad : pad + width]


def blur(image: UInt8Array, sigma: float) -> UInt8Array:
    """Gaussian blur, sigma in pixels of the 178-pixel-wide frame."""
    scale = image.shape[1] / 178
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma * scale)))


def jpeg(image: UInt8Array, quality: float) -> UInt8Array:
    """Save as JPEG and load again."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=int(quality))
    with Image.open(buffer) as loaded:
        return np.asarray(loaded)


def low_resolution(image: UInt8Array, width: float) -> UInt8Array:
    """Shrink the frame to `width` pixels across (box filter) and enlarge it again."""
    full = Image.fromarray(image)
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    small = full.resize((int(width), height), Image.Resampling.BOX)
    return np.asarray(small.resize(full.size, Image.Resampling.BILINEAR))


def covered(image: UInt8Array, part: float) -> UInt8Array:
    """Paint half of the face mid-grey: part 0 the left, 1 the right, 2 from the nose down, 3 from the nose up."""
    degraded = image.copy()
    row, column = round(NOSE_ROW * image.shape[0]), round(FACE_CENTRE[0] * image.shape[1])
    area = (np.s_[:, :column], np.s_[:, column:], np.s_[row:, :], np.s_[:row, :])[int(part)]
    degraded[area] = 127
    return degraded


WIDTHS = (16, 24, 32, 48, 89, 178)
HALVES = ("left", "right", "lower", "upper")
DEGRADATIONS = (
    Degradation("brightness", "Brightness", "times as bright", brightness, (0.2, 0.35, 0.6, 1.0, 1.5, 2.2), 1.0),
    Degradation("rotation", "Rotation", "degrees", rotation, (-30, -15, -7, 0, 7, 15, 30), 0),
    Degradation("blur", "Blur", "pixels sigma, of 178", blur, (0, 1, 2, 3, 5, 7), 0),
    Degradation("jpeg", "JPEG compression", "JPEG quality", jpeg, (3, 6, 12, 25, 50, 90), None),
    Degradation("resolution", "Low resolution", "pixels across the frame", low_resolution, WIDTHS, 178),
    Degradation("covered", "Half covered", "half of the face", covered, (0, 1, 2, 3), None, HALVES),
)


def robustness_section(
    model: Model,
    images: UInt8Array,
    identities: Int32Array,
    labels: UInt8Array,
    threshold: FixedThreshold,
    track: Track = untracked,
) -> dict[str, Any]:
    """TAR, FAR and attribute accuracy at each level of each degradation, over images (N, H, W) uint8 grey.

    Every degraded photo is compared with every *other* photo, clean. `clean` holds the figures of clean probes.
    """
    clean, clean_attributes = model.embed(images)

    def rates(probes: Float32Array, attributes: Float32Array) -> dict[str, float | None]:
        accepted = probes @ clean.T >= threshold.value
        other = ~np.eye(len(clean), dtype=bool)  # a photo is never compared with itself
        same = identities[:, None] == identities[None, :]
        return {
            "tar": _share(accepted, same & other),
            "far": _share(accepted, ~same),
            "attribute_accuracy": float(np.mean((attributes >= 0.5) == (labels == 1))),
        }

    curves: dict[str, dict[str, Any]] = {d.name: _empty(d) for d in DEGRADATIONS}
    steps = [(d, level) for d in DEGRADATIONS for level in d.levels]
    for degradation, level in track(steps, "Degrading photos"):
        if level == degradation.clean:
            found = rates(clean, clean_attributes)
        else:
            found = rates(*model.embed(np.stack([degradation.apply(image, level) for image in images])))
        for key, value in found.items():
            curves[degradation.name][key].append(value)
    return {
        "images": len(images),
        "identities": len(np.unique(identities)),
        "threshold": threshold.value,
        "threshold_at": threshold.name,
        "clean": rates(clean, clean_attributes),
        "curves": curves,
    }


def _empty(degradation: Degradation) -> dict[str, Any]:
    return {
        "title": degradation.title,
        "unit": degradation.unit,
        "levels": list(degradation.levels),
        "labels": list(degradation.labels) or [f"{level:g}" for level in degradation.levels],
        "tar": [],
        "far": [],
        "attribute_accuracy": [],
    }


def _share(accepted: BoolArray, of: BoolArray) -> float | None:
    return float(accepted[of].mean()) if of.any() else None
