"""card.md: every figure is the record's, parts that were not measured are left out, no text breaks a table."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("onnx", reason="the tiny bundle is built with the onnx package")

from tiny_bundle import write_tiny
from tiny_faces import write_tiny_faces

from facedge.dataset.prepared import Faces
from facedge.formatting import percent
from facedge.metrics.intervals import Bootstrap
from facedge.report.evaluate import Settings, evaluate
from facedge.report.model import open_model
from facedge.report.render import figures_card, write_report

PAIRS = {
    "name": "pairsDevTest", "accuracy": 0.9371, "low95": 0.9212, "high95": 0.9523, "genuine": 500, "impostor": 500,
    "identities": 963, "images": 1549, "no_face": 3, "method": "The threshold is the best one on others.",
}  # fmt: skip
GROUP = {"images": 40, "identities": 20, "genuine": 60, "impostor": 700, "far_low95": 0.001, "far_high95": 0.004,
         "frr_low95": 0.1, "frr_high95": 0.3}  # fmt: skip


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("card")
    model = open_model(write_tiny(folder / "tiny.facedge").path)
    faces = Faces.open(write_tiny_faces(folder / "faces"))
    found = evaluate(model, faces, Settings(bootstrap=Bootstrap(40), robustness_images=24))
    found["groups"]["by_label"] = {
        "Pale_Skin": {"with": {**GROUP, "far": 0.003, "frr": 0.25}, "without": {**GROUP, "far": 0.0015, "frr": 0.1237},
                      "ratio": 2.0},
    }  # fmt: skip
    return {**found, "pairs": PAIRS} | {
        "groups": {**found["groups"], "largest_ratio": 2.0, "largest_ratio_label": "Pale_Skin"}
    }


def tables(card: str) -> list[list[list[str]]]:
    """Cells of each table's rows, as a Markdown reader splits them."""
    blocks = re.findall(r"(?:^\|.*\|$\n?)+", card, flags=re.MULTILINE)
    return [
        [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in block.splitlines()] for block in blocks
    ]


def test_every_part_of_a_model_card_is_there(record: dict[str, Any]) -> None:
    card = figures_card(record)
    assert re.findall(r"^#+ (.*)$", card, flags=re.MULTILINE) == [
        "Figures", "The enrolled person", "Verification", "Listed pairs: pairsDevTest", "Groups", "Attributes",
        "Robustness",
    ]  # fmt: skip
    assert record["bundle"]["sha256"][:16] in card
    assert "**93.7 % (92.1 to 95.2)** of 500 genuine and 500 impostor pairs" in card
    assert "In 3 of 1,549 photos no usable face was found" in card
    assert "largest ratio of two FARs is **2.0 (0.5 to 3.3)**, by Pale skin" in card
    for title in ("Brightness", "Rotation", "Blur", "JPEG", "Low resolution", "Half covered"):
        assert f"| {title}" in card


def test_tables_are_complete_and_hold_the_figures(record: dict[str, Any]) -> None:
    found = tables(figures_card(record))
    assert len(found) == 3 + len(record["robustness"]["curves"])
    assert all(len(row) == len(table[0]) for table in found for row in table)
    verification, groups, attributes = found[:3]
    low, high = (record["attributes"][f"mean_accuracy_{side}95"] for side in ("low", "high"))
    assert low < record["attributes"]["mean_accuracy"] < high
    assert attributes[2][1].startswith(f"{100 * record['attributes']['mean_accuracy']:.1f} % (")
    assert verification[0][1:] == [
        "this model", "threshold", "its attributes alone", "perfect attributes",
    ]  # fmt: skip
    assert [row[0] for row in verification[2:]] == ["EER", "TAR at FAR 1 %", "TAR at FAR 0.1 %", "TAR at FAR 0.01 %"]
    assert verification[2][3].startswith(percent(record["baselines"]["attributes_read"]["eer"]))
    assert verification[-1][1] == "-"  # 40 people do not support a FAR of 0.01 %
    assert groups[2] == ["Pale skin", "20", "700", "0.30 % (0.10 to 0.40)", "25.0 % (10.0 to 30.0)", "2.0 (0.5 to 3.3)"]
    assert groups[3][0] == "not pale skin"


def test_what_was_not_measured_is_left_out(record: dict[str, Any]) -> None:
    for part in ("attributes", "verification", "pairs", "groups", "robustness", "baselines", "data"):
        less = figures_card({**record, part: None})
        assert "None" not in less
        assert less != figures_card(record)
    nothing = dict.fromkeys(("attributes", "verification", "pairs", "groups", "robustness", "baselines", "data"))
    assert tables(figures_card({**record, **nothing})) == []


@given(st.text())
def test_no_text_breaks_the_markdown(record: dict[str, Any], text: str) -> None:
    strange = copy.deepcopy({**record, "robustness": None})
    strange["data"]["name"] = strange["pairs"]["name"] = strange["bundle"]["name"] = text
    strange["groups"]["by_label"][text] = strange["groups"]["by_label"]["Pale_Skin"]
    card = figures_card(strange)
    assert "<" not in card
    assert len(card.splitlines()) - len(figures_card({**record, "robustness": None}).splitlines()) in (0, 2)
    assert all(len(row) == len(table[0]) for table in tables(card) for row in table)


def test_the_card_is_written_beside_the_report(record: dict[str, Any], tmp_path: Path) -> None:
    data, _ = write_report(record, tmp_path / "report")
    card = (tmp_path / "report" / "card.md").read_text(encoding="utf-8")
    assert card == figures_card(json.loads(data.read_text(encoding="utf-8")))
