"""What `facedge demo` prints at its end: a table of measured rates, and what they are worth."""

from collections.abc import Sequence
from typing import Any, Final

from facedge.formatting import counted, percent

Decisions = Sequence[dict[str, Any]]  # lines of `facedge verify --json`

CLOSING: Final = """\
These are the error rates of a toy: a small network trained for a few minutes on drawn faces.
Those of the bundle that comes with facedge, trained on photos, are in `facedge bundle show`.
Next: `facedge enroll NAME --from PHOTOS`, then `facedge verify PHOTO`."""


def count_decisions(decisions: Decisions) -> str:
    """How many photos were accepted, such as "38 of 40 photos accepted"."""
    accepted = sum(one["decision"] == "accept" for one in decisions)
    return f"{accepted} of {counted(len(decisions), 'photo')} accepted"


def summary_rows(
    report: dict[str, Any], manifest: dict[str, Any], me: Decisions, others: Decisions
) -> list[tuple[str, str, str]]:
    """(name, value, remark) of each row; `report` is report.json, `manifest` the bundle's manifest.json."""
    attributes, verification = report["attributes"], report["verification"]
    rejected = sum(one["decision"] == "reject" for one in me)
    accepted = sum(one["decision"] == "accept" for one in others)
    pairs = f"{verification['genuine']:,} genuine, {verification['impostor']:,} impostor pairs"
    tar = verification["tar_at_far"]["1e-2"]["tar"]  # None where there are too few people to measure that FAR
    return [
        ("attribute accuracy", percent(attributes["mean_accuracy"]), "mean of 40, people not in the training set"),
        ("majority guess", percent(attributes["majority_accuracy"]), "the baseline: always the more frequent value"),
        (
            "EER",
            percent(verification["eer"]),
            f"{verification['identities']} people not in the training set, all pairs",
        ),
        ("TAR at FAR 1e-2", percent(tar), pairs),
        ("FRR of the head", percent(rejected / len(me)), f"{rejected} of {len(me)} new photos of me rejected"),
        ("FAR of the head", percent(accepted / len(others)), f"{accepted} of {len(others)} other people accepted"),
        (
            "parity",
            f"{max(manifest['parity'].values()):.1e}",
            "largest difference of torch and onnxruntime, limit 1e-4",
        ),
    ]
