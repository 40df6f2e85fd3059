"""Troubleshooting has an entry for every error that facedge raises, and no entry for one that is gone."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ERRORS = {
    "FacedgeError", "InputError", "ImageError", "DatasetError", "RunError", "BundleError", "ExportError", "CameraError",
    "StorageError", "MissingDependencyError",
}  # fmt: skip
COVERS = re.compile(r"<!-- covers: (.*?) -->")
ANY = "…"


class Raised(NamedTuple):
    """One place that makes an error: its file, the class, and the sentence with … for what is filled in."""

    file: str
    error: str
    sentence: str


def raised() -> Iterator[Raised]:
    for path in sorted((ROOT / "facedge").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS and node.args:
                yield Raised(path.relative_to(ROOT).as_posix(), node.func.id, text_of(node.args[0]))


def text_of(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(value) if isinstance(value, ast.Constant) else ANY for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return text_of(node.left) + text_of(node.right)
    return ANY


def entries() -> list[str]:
    """The parts of sentences that the tables of the page list, in their first column."""
    rows = re.findall(r"^\| (`.*?`.*?) \| ", PAGE, flags=re.MULTILINE)
    return [part for row in rows for part in re.findall(r"`([^`]+)`", row)]


def shows(entry: str, sentence: str) -> bool:
    """Whether an entry is a part of a sentence; … stands for anything on both sides."""
    pattern = ".*".join(re.escape(part) for part in entry.split(ANY))
    return re.search(pattern, sentence) is not None


def covered_by_family(place: Raised) -> bool:
    families = [family.split() for found in COVERS.findall(PAGE) for family in found.split(";")]
    return any(place.file.startswith(start) and place.error == error for start, error in families)


def test_every_error_has_an_entry() -> None:
    """What is missing belongs into docs/troubleshooting.md: a part of the sentence, and what to do."""
    listed = entries()
    missing = [
        f"{place.file}: {place.sentence}"
        for place in raised()
        if place.sentence.strip(ANY + ": ")  # a sentence that is made elsewhere, from other errors
        and not covered_by_family(place)
        and not any(shows(entry, place.sentence) for entry in listed)
    ]
    assert not missing, "\n" + "\n".join(missing)


def test_no_entry_is_of_an_error_that_is_gone() -> None:
    sources = "\n".join(place.sentence for place in raised())
    every = [path.read_text(encoding="utf-8") for path in (ROOT / "facedge").rglob("*.py")]
    joined = [re.sub(r'"\s*\n\s*f?"', "", text) for text in every]  # texts that go on in the next line
    texts = "\n".join([sources, *(re.sub(r"\{[^{}\n]*\}", ANY, text) for text in joined)])
    stale = [entry for entry in entries() if not any(shows(entry, line) for line in texts.splitlines())]
    assert not stale, "\n".join(stale)


def test_the_reasons_are_all_there() -> None:
    from facedge.cli._options import REASONS

    assert all(any(shows(entry, sentence) for entry in entries()) for sentence in REASONS.values())
