"""Axes and drawings of the charts."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.report.charts import Axis, Drawing, det_chart, roc_chart


@given(st.floats(1e-6, 1.0), st.floats(1e-6, 1.0))
def test_a_logarithmic_axis_rises_and_keeps_to_its_ends(a: float, b: float) -> None:
    axis = Axis(1e-5, 1.0, 10, 110, log=True)
    low, high = sorted((a, b))
    assert 10 - 1e-9 <= axis.at(low) <= axis.at(high) + 1e-9 <= 110 + 2e-9
    assert axis.at(1e-3) == pytest.approx(50)
    assert axis.decades() == pytest.approx([1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1])


def test_text_in_a_drawing_is_escaped() -> None:
    drawing = Drawing(10, 10, 'a "title" <b>')
    drawing.text(1, 1, "<script>")
    drawing.dot(1, 1, 1, "dot", "a & b")
    assert ElementTree.fromstring(drawing.render()).get("aria-label") == 'a "title" <b>'


def test_the_roc_ends_at_the_lowest_far_that_is_supported() -> None:
    entries = {key: {"tar": tar, "low95": 0.5, "high95": 0.7} for key, tar in (("1e-2", 0.6), ("1e-3", None))}
    curve = {"far": [1.0, 0.5, 0.01, 0.005, 0.001], "tar": [1.0, 0.9, 0.6, 0.5, 0.2]}
    path = ElementTree.fromstring(roc_chart({"tar_at_far": entries, "curve": curve}, None)).find("path")
    assert path is not None
    assert (path.get("d") or "").count("L") == 2  # three points: FAR 1, 0.5 and 0.01


def test_the_det_curve_ends_where_the_shaded_region_begins() -> None:
    entries = {
        key: {"tar": tar, "low95": 0.5, "high95": 0.7} for key, tar in (("1e-2", 0.6), ("1e-3", None), ("1e-4", None))
    }
    curve = {"far": [1.0, 0.5, 0.01, 0.005, 0.001], "tar": [1.0, 0.9, 0.6, 0.5, 0.2]}
    drawn = ElementTree.fromstring(det_chart({"tar_at_far": entries, "curve": curve, "eer": 0.1}, None))
    shaded, line = (node.get("d") or "" for node in drawn.findall("path"))
    right = max(float(x) for x in re.findall(r"[ML](\S+) ", shaded.replace("M", " M").replace("L", " L")))
    leftmost = min(float(x) for x in re.findall(r"[ML](\S+) ", line.replace("M", " M").replace("L", " L")))
    assert leftmost == pytest.approx(right, abs=0.2)
    assert line.count("L") == 1  # FAR 0.5 and 0.01: nothing below, and nothing beyond the axis
    assert "too few people" in (node.text for node in drawn.findall("text"))
