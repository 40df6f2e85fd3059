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
from facedge.types import Float32Array, Float64Array, Int32Array, UInt8Array

GROUPS = ("Male", "Young", "Pale_Skin", "Eyeglasses")  # always measured
LEAST_RATIO = 2.0  # of two FARs, with 95 % confidence, for another label to be measured too
ROWS = 1024  # of the matrix of comparisons at a time
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

    The labels are GROUPS, and every other one whose two FARs differ by at least LEAST_RATIO with 95 % confidence. The
    largest ratio, with its interval, is over groups of at least LEAST_PEOPLE; None where some group had no false
    accept to compare.
    """
    by_label: dict[str, dict[str, Any]] = {}
    doubtful = _far_ratios(embeddings, identities, labels, threshold.value) >= LEAST_RATIO
    for column, name in enumerate(names):
        if name not in GROUPS and not doubtful[column]:
            continue
        has = labels[:, column] == 1
        sides: dict[str, Any] = {
            side: _group(embeddings[mask], identities[mask], threshold.value, bootstrap)
            for side, mask in (("with", has), ("without", ~has))
        }
        sides["ratio"] = _ratio(sides["with"]["far"], sides["without"]["far"])
        measured = {"by_label": {name: sides}}
        if name in GROUPS or any(found.low95 >= LEAST_RATIO for found in shown_ratios(measured)):
            by_label[name] = sides
    widest = next(iter(shown_ratios({"by_label": by_label})), None)
    return {
        "threshold": threshold.value,
        "threshold_at": threshold.name,
        "by_label": by_label,
        "largest_ratio": widest and widest.ratio,
        "largest_ratio_low95": widest and widest.low95,
        "largest_ratio_high95": widest.high95 if widest and widest.high95 < float("inf") else None,
        "largest_ratio_label": widest and widest.label,
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
        **dict.fromkeys(("far", "far_low95", "far_high95", "frr", "frr_low95", "frr_high95")),
    }
    if len(identities) < 2:
        return found
    pairs = all_pairs(embeddings, identities)
    same = pairs.genuine
    found |= {"genuine": int(same.sum()), "impostor": int((~same).sum())}
    if same.any():
        genuine = pairs.where(same)
        frr = far_of(genuine.scores < threshold, genuine.pairs, bootstrap)  # a rate over people, as a FAR is
        found |= {"frr": frr.far, "frr_low95": frr.low95, "frr_high95": frr.high95}
    if not same.all():
        impostor = pairs.where(~same)
        far = far_of(impostor.scores >= threshold, impostor.pairs, bootstrap)
        found |= {"far": far.far, "far_low95": far.low95, "far_high95": far.high95}
    return found


def _far_ratios(embeddings: Float32Array, identities: Int32Array, labels: UInt8Array, threshold: float) -> Float64Array:
    """The larger FAR over the smaller one, with and without each label (N, A); float64 (A,), 0 where one is 0."""
    sides = np.concatenate([labels == 1, labels != 1], axis=1).astype(np.float32)  # (N, 2 A)
    accepted, compared = np.zeros(sides.shape[1]), np.zeros(sides.shape[1])
    for start in range(0, len(sides), ROWS):
        rows = slice(start, start + ROWS)
        others = identities[rows, None] != identities[None, :]
        passed = others & (embeddings[rows] @ embeddings.T >= threshold)
        accepted += np.einsum("na,na->a", passed.astype(np.float32) @ sides, sides[rows], dtype=np.float64)
        compared += np.einsum("na,na->a", others.astype(np.float32) @ sides, sides[rows], dtype=np.float64)
    far_with, far_without = np.split(accepted / np.maximum(compared, 1), 2)
    low, high = np.minimum(far_with, far_without), np.maximum(far_with, far_without)
    return np.asarray(np.divide(high, low, out=np.zeros_like(high), where=low > 0))


def _ratio(one: float | None, other: float | None) -> float | None:
    return max(one, other) / min(one, other) if one and other else None
