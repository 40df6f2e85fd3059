"""Error rates as probes get worse: photos degraded by known amounts, compared with clean ones at a fixed threshold."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from facedge.dataset.degradations import blur, brightness, covered, jpeg, low_resolution, rotation
from facedge.report.model import Model
from facedge.report.verification import FixedThreshold
from facedge.types import BoolArray, Float32Array, Int32Array, Track, UInt8Array, untracked


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
