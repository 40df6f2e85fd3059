"""The site builds without a warning; its command-line page has every command; the pictures need no network."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from build_docs import ROOT, help_of

from facedge.cli import COMMANDS


@pytest.mark.slow
def test_the_site_builds_strictly() -> None:
    if find_spec("zensical") is None or find_spec("mkdocstrings_handlers") is None:
        pytest.skip("no zensical or mkdocstrings (pip install 'facedge[dev]')")
    done = subprocess.run([sys.executable, ROOT / "docs" / "scripts" / "build_docs.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (ROOT / "site" / "command-line.html").read_text(encoding="utf-8")
    assert all(f"facedge {words}" in page for words in COMMANDS)
    assert 'class="language-console highlight"' in (ROOT / "site" / "quickstart.html").read_text(encoding="utf-8")
    api = (ROOT / "site" / "python-api.html").read_text(encoding="utf-8")
    assert api.count('<span class="doc-section-title">Parameters:</span>') >= 10
    index = (ROOT / "site" / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="https?://(?!github\.com/facedge|facedge\.github\.io|zensical\.org)', index)


def test_a_help_is_plain_text_of_80_columns() -> None:
    text = help_of("compare")
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text and "Examples:" in text


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "pictures").glob("*.svg")), ids=lambda path: path.name)
def test_a_picture_fetches_nothing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"url\((?!#)|@import|https?://(?!www\.w3\.org|www\.textualize\.io)|<image|<script", text)


def test_no_picture_is_larger_than_a_page_needs() -> None:
    pictures = [path for path in (ROOT / "docs" / "pictures").iterdir() if path.suffix == ".svg"]
    assert {path.name for path in pictures} == {"live.svg", "scores.svg", "det.svg"}
    assert all(path.stat().st_size < 100_000 for path in pictures)
