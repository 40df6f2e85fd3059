"""The verification section of a report: EER, TAR at FAR, the ROC and the histograms, and the same of attributes alone.

Attribute baselines: two photos score by the correlation of their attribute vectors, each attribute centred and scaled
over all photos, so that rare attributes count. With the true labels in place of the model's predictions this is the
best that attributes read without an error could do.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from facedge.errors import InputError
from facedge.formatting import rate
from facedge.metrics.checks import finite_or_none
from facedge.metrics.comparisons import Comparisons, all_pairs
from facedge.metrics.intervals import Bootstrap
from facedge.metrics.verification import auc, eer_interval, error_curve, tar_at_far
from facedge.types import Float32Array, FloatArray, Int32Array, UInt8Array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FARS: dict[str, float] = {"1e-2": 1e-2, "1e-3": 1e-3, "1e-4": 1e-4}


@dataclass(frozen=True)
class FixedThreshold:
    """A threshold and the name of what it was chosen for, such as "FAR 0.1 %"."""

    value: float
    name: str


def verification_section(comparisons: Comparisons, *, images: int, bootstrap: Bootstrap) -> dict[str, Any]:
    """All figures of a set of comparisons as JSON types; InputError where there is nothing to compare.

    The entry of a FAR that the identities do not support holds nulls, and the reason under `refused`.
    """
    genuine, impostor = comparisons.split()
    eer = eer_interval(comparisons, bootstrap)
    return {
        "identities": len(comparisons.identities),
        "images": images,
        "genuine": len(genuine.scores),
        "impostor": len(impostor.scores),
        "eer": eer.eer,
        "eer_low95": finite_or_none(eer.low95),
        "eer_high95": finite_or_none(eer.high95),
        "eer_threshold": finite_or_none(eer.threshold),
        "auc": auc(genuine.scores, impostor.scores),
        "tar_at_far": {key: _tar(comparisons, far, bootstrap) for key, far in FARS.items()},
        "curve": _curve(genuine.scores, impostor.scores),
        "histogram": _histogram(genuine.scores, impostor.scores),
    }


def operating_threshold(section: dict[str, Any]) -> FixedThreshold:
    """The threshold at the lowest FAR of 1e-3 or more that the identities support; else the one of the EER."""
    for key in ("1e-3", "1e-2"):
        entry = section["tar_at_far"][key]
        if entry["tar"] is not None:
            return FixedThreshold(float(entry["threshold"]), f"FAR {rate(float(key))}")
    return FixedThreshold(float(section["eer_threshold"] or math.inf), "equal error")


def _tar(comparisons: Comparisons, far: float, bootstrap: Bootstrap) -> dict[str, Any]:
    try:
        return tar_at_far(comparisons, far, bootstrap).to_dict()
    except InputError as refusal:
        return {"tar": None, "low95": None, "high95": None, "threshold": None, "refused": str(refusal)}


def _curve(genuine: FloatArray, impostor: FloatArray) -> dict[str, list[float]]:
    """The points of the ROC that a plot needs, +inf left out (it accepts nothing)."""
    thin = error_curve(genuine, impostor).thinned(240)
    keep = np.isfinite(thin.thresholds)
    return {
        "threshold": [float(f"{v:.6g}") for v in thin.thresholds[keep]],
        "far": [float(f"{v:.6g}") for v in thin.far[keep]],
        "tar": [float(f"{v:.6g}") for v in thin.tar[keep]],
    }


def _histogram(genuine: FloatArray, impostor: FloatArray, bins: int = 72) -> dict[str, list[float]]:
    """Shares of genuine and impostor scores in equal bins over both."""
    low, high = float(min(genuine.min(), impostor.min())), float(max(genuine.max(), impostor.max()))
    edges = np.linspace(low, high if high > low else low + 1.0, bins + 1)
    shares = [np.histogram(scores, edges)[0] / len(scores) for scores in (genuine, impostor)]
    return {"edges": edges.round(5).tolist(), "genuine": shares[0].tolist(), "impostor": shares[1].tolist()}


def baselines_section(
    probabilities: FloatArray, labels: UInt8Array, identities: Int32Array, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Verification figures of the attributes predicted (`attributes_read`) and of the labels (`attributes_known`).

    200 replicates are enough here: these figures are only compared with the model's own.
    """
    fewer = replace(bootstrap, replicates=min(bootstrap.replicates, 200))
    return {
        name: verification_section(
            all_pairs(attribute_vectors(values), identities), images=len(identities), bootstrap=fewer
        )
        for name, values in (("attributes_read", probabilities), ("attributes_known", labels))
    }


def attribute_vectors(values: "ArrayLike") -> Float32Array:
    """Attribute values (N, A) as unit vectors float32 (N, A), whose dot product is their correlation."""
    x = np.asarray(values, dtype=np.float64)
    spread = x.std(axis=0)
    scaled = np.divide(x - x.mean(axis=0), spread, out=np.zeros_like(x), where=spread > 0)
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    unit = np.divide(scaled, length, out=np.zeros_like(scaled), where=length > 0)
    return np.asarray(unit, dtype=np.float32)
