"""Does one threshold treat people alike? FAR and FRR of groups, and the ratio between the highest and the lowest FAR.

After P. Grother, M. Ngan and K. Hanaoka, "Face recognition vendor test, part 3: demographic effects", NISTIR 8280
(2019): impostor comparisons within a group at one fixed threshold, the false positive rates set in ratio.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from facedge.metrics import all_pairs
from facedge.metrics.operating import far_of

GROUPS = ("Male", "Young", "Pale_Skin", "Eyeglasses")


def groups_section(
    embeddings: npt.NDArray[np.float32],
    identities: npt.NDArray[Any],
    labels: npt.NDArray[np.uint8],
    names: tuple[str, ...],
    threshold: float,
    threshold_name: str,
    *,
    replicates: int,
    seed: int,
) -> dict[str, Any]:
    """FAR and FRR with and without each label, both photos of a comparison in the group, at one threshold.

    `largest_ratio` is over the pairs with/without a label; None where some group had no false accept to compare.
    """
    labelled = {name: labels[:, names.index(name)] == 1 for name in GROUPS if name in names}
    by_label: dict[str, dict[str, Any]] = {
        name: {
            side: _group(embeddings[mask], identities[mask], threshold, replicates, seed)
            for side, mask in (("with", has), ("without", ~has))
        }
        for name, has in labelled.items()
    }
    for sides in by_label.values():
        sides["ratio"] = _ratio(sides["with"], sides["without"])
    ratios = {name: sides["ratio"] for name, sides in by_label.items() if sides["ratio"] is not None}
    widest = max(ratios, key=lambda name: ratios[name]) if ratios else None
    return {
        "threshold": threshold,
        "threshold_at": threshold_name,
        "by_label": by_label,
        "largest_ratio": ratios[widest] if widest else None,
        "largest_ratio_label": widest,
    }


def _group(
    embeddings: npt.NDArray[np.float32], identities: npt.NDArray[Any], threshold: float, replicates: int, seed: int
) -> dict[str, Any]:
    """One group's rates; None for a rate that has no comparison behind it."""
    people = len(np.unique(identities))
    empty = {"far": None, "far_low95": None, "far_high95": None, "frr": None}
    if len(identities) < 2:
        return {"images": len(identities), "identities": people, "genuine": 0, "impostor": 0, **empty}
    pairs = all_pairs(embeddings, identities)
    same = pairs.genuine
    found: dict[str, Any] = {
        "images": len(identities),
        "identities": people,
        "genuine": int(same.sum()),
        "impostor": int((~same).sum()),
        **empty,
    }
    if same.any():
        found["frr"] = float(np.mean(pairs.scores[same] < threshold))
    if not same.all():
        strangers = pairs.where(~same)
        far = far_of(strangers.scores >= threshold, strangers.pairs, replicates=replicates, seed=seed)
        found |= {"far": far.far, "far_low95": far.low95, "far_high95": far.high95}
    return found


def _ratio(one: dict[str, Any], other: dict[str, Any]) -> float | None:
    rates = (one["far"], other["far"])
    if None in rates or min(rates) <= 0:
        return None
    return float(max(rates) / min(rates))
