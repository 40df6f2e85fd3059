"""Figures in the pages that come from a table of measurements, so that a page never says another number.

<!--from benchmarks/results/conditions.md: mask / realised FAR (95 %)-->1.5 % (1.1 to 2)<!--/-->

names the file, cells that the row must hold (joined by " + "), and the column. The first such row counts.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MARKER = re.compile(r"(<!--from (?P<file>\S+): (?P<row>.+?) / (?P<column>.+?)-->)(?P<value>.*?)<!--/-->")


def fill(page: str) -> str:
    """The page with the figures of today."""
    return MARKER.sub(lambda m: f"{m[1]}{figure(m['file'], m['row'].split(' + '), m['column'])}<!--/-->", page)


def figure(file: str, row: list[str], column: str) -> str:
    """The cell of the first row of a Markdown table that holds these cells; LookupError where there is none."""
    head: list[str] = []
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().strip("*").strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            head = []
        elif not head:
            head = cells
        elif column in head and all(cell in cells for cell in row):
            return cells[head.index(column)]
    raise LookupError(f"{file} has no row with {row} and column {column!r}")
