"""The verification section of a report: EER, TAR at FAR, the ROC and the histograms, with every count."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from facedge.errors import InputError
from facedge.metrics import Comparisons, auc, eer_interval, error_curve, tar_at_far
from facedge.report.words import rate

FARS: dict[str, float] = {"1e-2": 1e-2, "1e-3": 1e-3, "1e-4": 1e-4}


def verification_section(comparisons: Comparisons, *, images: int, replicates: int, seed: int) -> dict[str, Any]:
    """All figures of a set of comparisons as JSON types; InputError where there is nothing to compare.

    A FAR that the identities do not support stands as nulls with the reason under `refused`.
    """
    genuine, impostor = comparisons.split()
    eer = eer_interval(comparisons, replicates=replicates, seed=seed)
    return {
        "identities": len(comparisons.identities),
        "images": images,
        "genuine": len(genuine.scores),
        "impostor": len(impostor.scores),
        "eer": eer.eer,
        "eer_low95": _plain(eer.low95),
        "eer_high95": _plain(eer.high95),
        "eer_threshold": _plain(eer.threshold),
        "auc": auc(genuine.scores, impostor.scores),
        "tar_at_far": {key: _tar(comparisons, far, replicates, seed) for key, far in FARS.items()},
        "curve": _curve(genuine.scores, impostor.scores),
        "histogram": _histogram(genuine.scores, impostor.scores),
    }


def operating_threshold(section: dict[str, Any]) -> tuple[float, str]:
    """The threshold at the lowest FAR of 1e-3 or more that the identities support, and its name; else the EER's."""
    for key in ("1e-3", "1e-2"):
        entry = section["tar_at_far"][key]
        if entry["tar"] is not None:
            return float(entry["threshold"]), f"FAR {rate(float(key))}"
    return float(section["eer_threshold"] or math.inf), "equal error"


def _tar(comparisons: Comparisons, far: float, replicates: int, seed: int) -> dict[str, Any]:
    try:
        return tar_at_far(comparisons, far, replicates=replicates, seed=seed).to_dict()
    except InputError as refusal:
        return {"tar": None, "low95": None, "high95": None, "threshold": None, "refused": str(refusal)}


def _curve(genuine: npt.NDArray[Any], impostor: npt.NDArray[Any]) -> dict[str, list[float]]:
    """The points of the ROC that a plot needs, +inf left out (it accepts nothing)."""
    thin = error_curve(genuine, impostor).thinned(240)
    keep = np.isfinite(thin.thresholds)
    return {
        "threshold": [float(f"{v:.6g}") for v in thin.thresholds[keep]],
        "far": [float(f"{v:.6g}") for v in thin.far[keep]],
        "tar": [float(f"{v:.6g}") for v in thin.tar[keep]],
    }


def _histogram(genuine: npt.NDArray[Any], impostor: npt.NDArray[Any], bins: int = 72) -> dict[str, list[float]]:
    """Shares of genuine and impostor scores in equal bins over both."""
    low, high = float(min(genuine.min(), impostor.min())), float(max(genuine.max(), impostor.max()))
    edges = np.linspace(low, high if high > low else low + 1.0, bins + 1)
    shares = [np.histogram(scores, edges)[0] / len(scores) for scores in (genuine, impostor)]
    return {"edges": edges.round(5).tolist(), "genuine": shares[0].tolist(), "impostor": shares[1].tolist()}


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
