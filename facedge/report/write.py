"""report.json, report.html and card.md, each written whole or not at all."""

import json
import os
from pathlib import Path
from typing import Any

from facedge.report.card import figures_card
from facedge.report.page import render


def write_report(record: dict[str, Any], folder: str | Path) -> tuple[Path, Path]:
    """Write a record of `evaluate` into `folder` (made if need be) as report.json, report.html and card.md.

    Returns the paths of the first two; card.md holds the figures section of a model card.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    _write(target / "card.md", figures_card(record))
    return _write(target / "report.json", text), _write(target / "report.html", render(record))


def _write(path: Path, text: str) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
