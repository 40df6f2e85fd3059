"""The table of benchmarks/conditions.py: its rows, as JSON and as Markdown."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One condition. Rates of what was scored; shares of what was refused before; intervals are 95 %.

    far                 of the impostor comparisons that were scored, None where there were none
    frr                 of the genuine comparisons that were scored
    photos_refused      share of the photos that enrollment refused, with the commonest faults in `faults`
    enrollments_refused share of the identities that could not be enrolled
    warned              share of the enrollments that came with a warning
    probes_refused      share of the probes that verification refused to score
    all_photos          whether all photos of everybody were shown, three after three, as few of fewer were scored
    """

    condition: str
    identities: int
    enrolled: int
    comparisons: int
    far: float | None
    far_low95: float | None
    far_high95: float | None
    frr: float | None
    photos_refused: float
    faults: dict[str, int]
    enrollments_refused: float
    warned: float
    probes_refused: float
    reasons: dict[str, int]
    all_photos: bool = False


FEW = 3  # times 3/FAR comparisons, the number of which none has to pass for that FAR to be shown (rule of three)

HEADER = (
    "| condition | realised FAR (95 %) | FRR of scored | photos refused at enrollment | not enrolled | warned | "
    "probes refused |\n|---|---|---|---|---|---|---|"
)


def is_of_few(row: Row, far: float) -> bool:
    """Whether some comparisons were scored, but too few for a FAR of that size."""
    return 0 < row.comparisons < FEW * 3 / far


def far_and_frr(row: Row, far: float) -> tuple[str, str]:
    """Both rates as text; a FAR above twice the asked one is bold, and one of few comparisons says of how many."""
    rate = "–"
    if row.far is not None:
        rate = f"{100 * row.far:.2g} % ({100 * (row.far_low95 or 0):.2g} to {100 * (row.far_high95 or 0):.2g})"
        rate += f", of {row.comparisons:,}" if row.all_photos or is_of_few(row, far) else ""
        rate = f"**{rate}**" if row.far > 2 * far else rate
    return rate, "–" if row.frr is None else f"{100 * row.frr:.1f} %"


def markdown_row(row: Row, far: float, before: Row | None = None) -> str:
    """One line of the table, with the rates of the same condition `before` where they are given."""
    shares = (share_and_causes(row.photos_refused, row.faults), f"{100 * row.enrollments_refused:.1f} %")
    rest = (f"{100 * row.warned:.1f} %", share_and_causes(row.probes_refused, row.reasons))
    other = far_and_frr(before, far) if before else ()
    return "| " + " | ".join((row.condition, *far_and_frr(row, far), *shares, *rest, *other)) + " |"


def share_and_causes(share: float, causes: dict[str, int]) -> str:
    """The share in per cent, and its commonest cause."""
    cause = f", mostly {next(iter(causes))}" if causes else ""
    return f"{100 * share:.1f} %{cause}"


def write(folder: Path, about: dict[str, Any], rows: list[Row], other: Path | None = None) -> None:
    """conditions.json and conditions.md.

    about: bundle (its sha256), partition, far_asked, enrolled_photos, probes. other: a conditions.json to stand beside.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = {**about, "rows": [asdict(row) for row in rows]}
    (folder / "conditions.json").write_text(json.dumps(record, indent=1) + "\n")
    far = about["far_asked"]
    text = (
        f"# Realised FAR under conditions, {100 * far:g} % asked\n\n"
        f"Written by `benchmarks/conditions.py`: {rows[0].identities} identities of the {about['partition']} "
        f"partition, enrolled by {about['enrolled_photos']} photos and probed by {about['probes']} others under the "
        f"same condition; bundle `{about['bundle'][:16]}`. Bold: above twice the FAR asked. Rates are of what was "
        f"scored; where that were fewer than {round(FEW * 3 / far):,} comparisons, all photos of everybody were shown, "
        "three after three, and the FAR says of how many it is.\n\n"
    )
    header, before = HEADER, {}
    if other:
        record = json.loads(other.read_text())
        before = {row["condition"]: Row(**row) for row in record["rows"]}
        first, second = HEADER.split("\n")
        header = f"{first} FAR before | FRR before |\n{second}---|---|"
        text += (
            f"Before: bundle `{record['bundle'][:16]}`, the same photos, or three and three of each person where all "
        )
        text += "are shown here.\n\n"
    lines = [header, *(markdown_row(row, far, before.get(row.condition)) for row in rows)]
    (folder / "conditions.md").write_text(text + "\n".join(lines) + "\n")
