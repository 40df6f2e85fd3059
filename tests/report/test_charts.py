"""Axes and drawings of the charts."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.report.charts import Axis, Drawing, roc_chart


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
