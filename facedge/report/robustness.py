"""How the figures fall as probes get worse: spoilt probes against clean photos, at the threshold of clean ones."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from facedge.report.degrade import DEGRADATIONS, Degradation
from facedge.report.model import Model, no_progress

Floats = npt.NDArray[np.float32]


def robustness_section(
    model: Model,
    images: npt.NDArray[np.uint8],
    identities: npt.NDArray[Any],
    labels: npt.NDArray[np.uint8],
    threshold: float,
    threshold_name: str,
    *,
    progress: Callable[..., Iterable[Any]] = no_progress,
) -> dict[str, Any]:
    """TAR, FAR and attribute accuracy at each level of each degradation, over images (N, H, W) uint8 grey.

    Every spoilt photo is compared with every *other* photo, clean. `clean` holds the figures of unspoilt probes.
    """
    clean, probabilities = model.embed(images)
    steps = [(d, k) for d in DEGRADATIONS for k in range(len(d.levels))]
    curves: dict[str, dict[str, Any]] = {d.name: _empty(d) for d in DEGRADATIONS}
    for degradation, k in progress(steps, "Spoiling photos", total=len(steps)):
        level = degradation.levels[k]
        if level == degradation.clean:
            spoilt, answers = clean, probabilities
        else:
            worse = np.stack([degradation.apply(image, level) for image in images])
            spoilt, answers = model.embed(worse)
        for key, value in _rates(spoilt, clean, identities, threshold, answers, labels).items():
            curves[degradation.name][key].append(value)
    return {
        "images": len(images),
        "identities": len(np.unique(identities)),
        "threshold": threshold,
        "threshold_at": threshold_name,
        "clean": _rates(clean, clean, identities, threshold, probabilities, labels),
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


def _rates(
    probes: Floats,
    clean: Floats,
    identities: npt.NDArray[Any],
    threshold: float,
    answers: Floats,
    labels: npt.NDArray[np.uint8],
) -> dict[str, float | None]:
    accepted = probes @ clean.T >= threshold
    other = ~np.eye(len(clean), dtype=bool)  # a photo is never compared with itself
    same = identities[:, None] == identities[None, :]
    return {
        "tar": _share(accepted, same & other),
        "far": _share(accepted, ~same),
        "attribute_accuracy": float(np.mean((answers >= 0.5) == (labels == 1))),
    }


def _share(accepted: npt.NDArray[np.bool_], of: npt.NDArray[np.bool_]) -> float | None:
    return float(accepted[of].mean()) if of.any() else None
