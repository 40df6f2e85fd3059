"""Error rates of demographic groups at one threshold, and the ratio between the FARs with and without a label.

After P. Grother, M. Ngan and K. Hanaoka, "Face recognition vendor test, part 3: demographic effects", NISTIR 8280
(2019): impostor comparisons within a group at one fixed threshold, and the ratio of the false positive rates.
"""

from typing import Any, NamedTuple

import numpy as np

from facedge.formatting import label_text
from facedge.metrics.comparisons import all_pairs
from facedge.metrics.intervals import Bootstrap, ratio_interval
from facedge.metrics.thresholds import far_of
from facedge.report.verification import FixedThreshold
from facedge.types import Float32Array, Int32Array, UInt8Array

GROUPS = ("Male", "Young", "Pale_Skin", "Eyeglasses")
LEAST_PEOPLE = 10  # of a group that is shown: the rates of fewer people are those of individuals


class Ratio(NamedTuple):
    """The larger FAR of the two sides of a label over the smaller one, with its 95 % interval."""

    label: str
    ratio: float
    low95: float
    high95: float

    def text(self) -> str:
        """The ratio and its interval: "2.0 (0.5 to 3.3)"."""
        high = f"{self.high95:.1f}" if self.high95 < float("inf") else "∞"
        return f"{self.ratio:.1f} ({self.low95:.1f} to {high})"


def groups_section(
    embeddings: Float32Array,
    identities: Int32Array,
    labels: UInt8Array,
    names: tuple[str, ...],
    threshold: FixedThreshold,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """FAR and FRR with and without each label, both photos of a comparison in the group, at one threshold.

    `largest_ratio` is over the pairs with/without a label; None where some group had no false accept to compare.
    """
    labelled = {name: labels[:, names.index(name)] == 1 for name in GROUPS if name in names}
    by_label: dict[str, dict[str, Any]] = {
        name: {
            side: _group(embeddings[mask], identities[mask], threshold.value, bootstrap)
            for side, mask in (("with", has), ("without", ~has))
        }
        for name, has in labelled.items()
    }
    for sides in by_label.values():
        sides["ratio"] = _ratio(sides["with"]["far"], sides["without"]["far"])
    ratios = {name: sides["ratio"] for name, sides in by_label.items() if sides["ratio"] is not None}
    widest = max(ratios, key=lambda name: ratios[name]) if ratios else None
    return {
        "threshold": threshold.value,
        "threshold_at": threshold.name,
        "by_label": by_label,
        "largest_ratio": ratios[widest] if widest else None,
        "largest_ratio_label": widest,
    }


def shown_groups(found: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """(label, "with" or "without", figures) of the groups of a section that have at least LEAST_PEOPLE people."""
    return [
        (label, side, sides[side])
        for label, sides in found["by_label"].items()
        for side in ("with", "without")
        if sides[side]["identities"] >= LEAST_PEOPLE
    ]


def group_name(label: str, side: str) -> str:
    """The group as text: "Pale skin" or "not pale skin"."""
    return label_text(label) if side == "with" else f"not {label_text(label).lower()}"


def shown_ratios(found: dict[str, Any]) -> list[Ratio]:
    """The ratio of each label whose two groups are shown and have false accepts, the largest first."""
    shown = [label for label, _, _ in shown_groups(found)]
    ratios = []
    for label, sides in found["by_label"].items():
        if shown.count(label) == 2 and sides["ratio"] is not None:
            lower, higher = sorted((sides[side] for side in ("with", "without")), key=lambda group: float(group["far"]))
            ends = ratio_interval(*((g["far"], g["far_low95"], g["far_high95"]) for g in (higher, lower)))
            ratios.append(Ratio(label, sides["ratio"], *ends))
    return sorted(ratios, key=lambda found: -found.ratio)


def _group(embeddings: Float32Array, identities: Int32Array, threshold: float, bootstrap: Bootstrap) -> dict[str, Any]:
    """One group's rates; None for a rate that has no comparison behind it."""
    found: dict[str, Any] = {
        "images": len(identities),
        "identities": len(np.unique(identities)),
        "genuine": 0,
        "impostor": 0,
        **dict.fromkeys(("far", "far_low95", "far_high95", "frr")),
    }
    if len(identities) < 2:
        return found
    pairs = all_pairs(embeddings, identities)
    same = pairs.genuine
    found |= {"genuine": int(same.sum()), "impostor": int((~same).sum())}
    if same.any():
        found["frr"] = float(np.mean(pairs.scores[same] < threshold))
    if not same.all():
        impostor = pairs.where(~same)
        far = far_of(impostor.scores >= threshold, impostor.pairs, bootstrap)
        found |= {"far": far.far, "far_low95": far.low95, "far_high95": far.high95}
    return found


def _ratio(one: float | None, other: float | None) -> float | None:
    return max(one, other) / min(one, other) if one and other else None
