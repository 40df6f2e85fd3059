"""report.html: one file, nothing fetched, every figure from the record, all text escaped."""

import copy
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.formatting import percent
from facedge.metrics.attributes import attribute_metrics
from facedge.metrics.comparisons import all_pairs
from facedge.metrics.intervals import Bootstrap
from facedge.report.groups import groups_section
from facedge.report.render import html_page, write_report
from facedge.report.verification import FixedThreshold, verification_section

VOID = {"meta", "link", "br", "img", "hr", "input", "line", "circle", "rect", "path"}


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    """Every section filled, from drawn embeddings."""
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(60), 4)
    x = (rng.normal(size=(60, 16))[ids] + 0.9 * rng.normal(size=(240, 16))).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    labels = (rng.random((240, 2)) < [0.5, 0.1]).astype(np.uint8)
    p = np.clip(labels * 0.6 + rng.random((240, 2)) * 0.4, 0, 1)
    names = ("Male", "Eyeglasses")
    section = verification_section(all_pairs(x, ids), images=240, bootstrap=Bootstrap(20))
    found = attribute_metrics(p, labels, names=names)
    curve = {"title": "Blur", "unit": "pixels", "levels": [0, 1], "labels": ["0", "-1"], "tar": [0.9, None]}
    return {
        "created_by": "facedge 0",
        "created": "2026-11-25T16:00:00+00:00",
        "command": "facedge eval ana --faces faces -o report",
        "head": {
            "threshold": 0.94, "far_target": 0.001, "far_upper95": 0.0018, "images": 240, "identities": 60,
            "far": 0.0042, "far_low95": 0.0001, "far_high95": 0.03, "accepted": 1, "accepted_identities": 1,
        },
        "bundle": {"name": "ana", "sha256": "ab" * 32, "kind": "bundle", "trained_on": {"name": "drawn"}},
        "data": {"name": "drawn", "partition": "test", "images": 240, "partition_kind": "none", "licence": "free"},
        "attributes": {
            "mean_accuracy": 0.91234,
            "mean_accuracy_low95": 0.905,
            "mean_accuracy_high95": 0.92,
            "majority_accuracy": 0.7,
            "majority_accuracy_from_train": 0.69,
            "balanced_accuracy": 0.8,
            "macro_f1": None,
            "mean_auc": 0.9,
            "calibration_error": 0.1,
            "per_attribute": {row.pop("name"): row for row in found.rows()},
        },
        "verification": section,
        "baselines": {"attributes_read": section, "attributes_known": section},
        "groups": groups_section(x, ids, labels, names, FixedThreshold(0.3, "FAR 1 %"), Bootstrap(20)),
        "pairs": {
            "name": "pairsDevTest", "accuracy": 0.965, "low95": 0.95, "high95": 0.98, "genuine": 500,
            "impostor": 500, "identities": 963, "images": 1549, "no_face": 3, "method": "Chosen on others.",
        },
        "robustness": {
            "images": 24, "identities": 6, "threshold_at": "FAR 1 %",
            "clean": {"tar": 0.9, "far": 0.01, "attribute_accuracy": 0.8},
            "curves": {"blur": {**curve, "far": [0.0, 0.0], "attribute_accuracy": [0.8, 0.7]}},
        },
    }  # fmt: skip


class Balanced(HTMLParser):
    """Every tag closed in order; every attribute seen."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [f"{tag} {key}" for key, _ in attrs if key in ("src", "href", "onload", "onclick", "action")]
        if tag == "script":
            self.links.append("script")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def parse(page: str) -> Balanced:
    parser = Balanced()
    parser.feed(page)
    parser.close()
    return parser


def test_the_page_is_well_formed_and_fetches_nothing(record: dict[str, Any]) -> None:
    page = html_page(record)
    parsed = parse(page)
    assert parsed.open == []
    assert parsed.links == []
    assert "http" not in page
    assert "url(" not in page
    assert "@import" not in page


def test_every_plot_is_well_formed(record: dict[str, Any]) -> None:
    plots = re.findall(r"<svg.*?</svg>", html_page(record), flags=re.DOTALL)
    assert len(plots) == 6
    for plot in plots:
        root = ElementTree.fromstring(plot)
        assert root.get("aria-label")
        width, height = (float(v) for v in (root.get("viewBox") or "").split()[2:])
        for node in root.iter():
            for key, size in (("x", width), ("cx", width), ("y", height), ("cy", height)):
                if (place := node.get(key)) is not None:
                    assert -1 <= float(place) <= size + 1, ElementTree.tostring(node)
            assert "nan" not in (node.get("d") or "")


def test_the_page_holds_the_figures_of_the_record(record: dict[str, Any]) -> None:
    page = html_page(record)
    assert "91.2 %" in page
    assert "96.5 %" in page
    assert "In 3 of 1,549 photos no usable face was found" in page
    assert percent(record["verification"]["eer"]) in page
    for entry in record["verification"]["tar_at_far"].values():
        assert (percent(entry["tar"]) in page) if entry["tar"] is not None else (entry["refused"] in page)


def test_when_and_how_it_was_made_is_on_the_page(record: dict[str, Any]) -> None:
    page = html_page(record)
    assert page.count("facedge eval ana --faces faces -o report") == 2  # above, and under Provenance
    assert "on 2026-11-25" in page
    assert "on 2026" not in html_page({**record, "created": None, "command": None})


def test_the_head_of_an_enrolled_bundle_is_shown(record: dict[str, Any]) -> None:
    page = html_page(record)
    assert "The enrolled person" in page
    assert "0.42 % (0.010 to 3.0)" in page and "1 photo of 1 person" in page and "0.9400" in page
    nobody = {**record["head"], "far": None, "far_low95": None, "far_high95": None, "accepted": None}
    assert "cannot be counted by people" in html_page({**record, "head": nobody})


def test_thresholds_stand_in_the_table(record: dict[str, Any]) -> None:
    page = html_page(record)
    assert "<th>threshold</th>" in page
    assert f"<td>{record['verification']['eer_threshold']:.4f}</td>" in page


def test_missing_sections_are_left_out(record: dict[str, Any]) -> None:
    parts = ("attributes", "verification", "groups", "baselines", "pairs", "robustness", "head")
    bare = {**record, **dict.fromkeys(parts)}
    page = html_page({**bare, "data": None})
    assert parse(page).open == []
    assert "<svg" not in page
    assert "Nothing was measured" in page


def test_a_verification_without_baselines_or_support_still_shows(record: dict[str, Any]) -> None:
    weak = copy.deepcopy(record)
    weak["baselines"] = None
    for entry in weak["verification"]["tar_at_far"].values():
        entry.update(tar=None, low95=None, high95=None, threshold=None, refused="too few people <for this>")
    page = html_page(weak)
    assert parse(page).open == []
    assert "too few people &lt;for this&gt;" in page
    assert "equal error rate is" in page


@given(st.text(min_size=1, max_size=30))
def test_every_name_is_escaped(name: str) -> None:
    record = {
        "created_by": name,
        "created": None,
        "command": name,
        "bundle": {"name": name, "sha256": name, "kind": "bundle", "trained_on": {"name": name, "licence": name}},
        "data": {"name": name, "partition": name, "images": 1, "partition_kind": name, "licence": name},
        **dict.fromkeys(("attributes", "verification", "groups", "baselines", "robustness", "head")),
        "pairs": {
            "name": name, "accuracy": 1.0, "low95": 1.0, "high95": 1.0, "genuine": 1, "impostor": 1,
            "identities": 2, "images": 3, "no_face": 0, "method": name,
        },
    }  # fmt: skip
    parsed = parse(html_page(record))
    assert (parsed.open, parsed.links) == ([], [])


def test_files_are_written_whole_or_not_at_all(record: dict[str, Any], tmp_path: Path) -> None:
    data, page = write_report(record, tmp_path / "new" / "report")
    assert json.loads(data.read_text(encoding="utf-8")) == record
    assert page.read_text(encoding="utf-8") == html_page(record)
    before = data.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write_report({**record, "broken": float("nan")}, data.parent)
    assert data.read_bytes() == before
    assert sorted(p.name for p in data.parent.iterdir()) == ["card.md", "report.html", "report.json"]


@pytest.mark.slow
def test_a_browser_opens_it(record: dict[str, Any], tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    if browser is None:
        pytest.skip("no Chromium to open the report with")
    _, page = write_report(record, tmp_path)
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    shown = subprocess.run([*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120)
    assert shown.returncode == 0, shown.stderr
    assert "Evaluation of ana" in shown.stdout
    assert shown.stdout.count("<svg") == 6
