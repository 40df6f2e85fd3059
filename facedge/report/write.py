"""report.json and report.html, each written whole or not at all."""

import json
import os
from pathlib import Path
from typing import Any

from facedge.report.page import render


def write_report(record: dict[str, Any], folder: str | Path) -> tuple[Path, Path]:
    """Write a record of `evaluate` as report.json and report.html into `folder` (made if need be); both paths."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    return _write(target / "report.json", text), _write(target / "report.html", render(record))


def _write(path: Path, text: str) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
