"""Groups: rates within a group at one threshold, and the ratio of two groups with its interval."""

import copy
from typing import Any

import numpy as np

from facedge.metrics.intervals import Bootstrap
from facedge.report.groups import groups_section, shown_groups, shown_ratios
from facedge.report.verification import FixedThreshold

AT_HALF = FixedThreshold(0.5, "FAR 1 %")


def test_comparisons_stay_within_a_group() -> None:
    # Two groups of ten people with two photos; all embeddings of the first are equal, in the second people differ.
    ids = np.repeat(np.arange(20), 2)
    x = np.zeros((40, 21), dtype=np.float32)
    x[:20, 0] = 1.0
    x[np.arange(20, 40), ids[20:]] = 1.0
    labels = np.repeat([1, 0], 20).astype(np.uint8)[:, None]
    found = groups_section(x, ids, labels, ("Male",), AT_HALF, Bootstrap(20))
    sides = found["by_label"]["Male"]
    assert (sides["with"]["far"], sides["without"]["far"]) == (1.0, 0.0)
    assert (sides["with"]["frr"], sides["without"]["frr"]) == (0.0, 0.0)
    assert (sides["with"]["identities"], sides["with"]["impostor"]) == (10, 180)
    assert found["largest_ratio"] is None  # no division by zero


def test_a_ratio_is_the_larger_over_the_smaller() -> None:
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(60), 2)
    x = rng.normal(size=(120, 4)).astype(np.float32)
    x[:60] += 1.0  # the first thirty people are alike
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    labels = np.repeat([0, 1], 60).astype(np.uint8)[:, None]
    found = groups_section(x, ids, labels, ("Young",), AT_HALF, Bootstrap(20))
    sides = found["by_label"]["Young"]
    assert sides["without"]["far"] > sides["with"]["far"] > 0
    assert found["largest_ratio"] == sides["without"]["far"] / sides["with"]["far"]
    assert found["largest_ratio_label"] == "Young"
    (ratio,) = shown_ratios(found)
    assert (ratio.label, ratio.ratio) == ("Young", found["largest_ratio"])
    assert ratio.low95 < ratio.ratio < ratio.high95


def test_other_labels_are_measured_only_where_the_rates_clearly_differ() -> None:
    """A report of four fixed labels once passed over the largest differences between groups."""
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(80), 2).astype(np.int32)
    x = rng.normal(size=(160, 4)).astype(np.float32)
    x[:80] += 1.0  # the first forty people are alike
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    bangs = np.repeat([1, 0], 80)
    young, hat = np.tile([0, 0, 1, 1], 40), np.tile([1, 1, 1, 1, 0, 0, 0, 0], 20)
    labels = np.stack([bangs, young, hat], axis=1).astype(np.uint8)
    found = groups_section(x, ids, labels, ("Bangs", "Young", "Wearing_Hat"), AT_HALF, Bootstrap(50))
    assert list(found["by_label"]) == ["Bangs", "Young"]
    assert found["largest_ratio_label"] == "Bangs"
    assert found["largest_ratio_low95"] >= 2


def test_the_largest_ratio_is_of_groups_that_are_shown() -> None:
    ids = np.repeat(np.arange(24), 2).astype(np.int32)
    x = np.random.default_rng(1).normal(size=(48, 3)).astype(np.float32)
    x[:12] += 2.0  # six people, too few to show
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    labels = np.repeat([1, 0], [12, 36]).astype(np.uint8)[:, None]
    found = groups_section(x, ids, labels, ("Male",), AT_HALF, Bootstrap(20))
    assert found["by_label"]["Male"]["ratio"] > 1
    assert found["largest_ratio"] is None


def test_groups_of_few_people_are_not_shown() -> None:
    group: dict[str, Any] = {"identities": 10, "impostor": 90, "far": 0.02, "far_low95": 0.0, "far_high95": 0.1}
    found = {"by_label": {"Male": {"with": {**group, "far": 0.04}, "without": group, "ratio": 2.0}}}
    assert [side for _, side, _ in shown_groups(found)] == ["with", "without"]
    assert shown_ratios(found)[0].text() == "2.0 (0.0 to ∞)"
    fewer = copy.deepcopy(found)
    fewer["by_label"]["Male"]["without"]["identities"] = 9
    assert [side for _, side, _ in shown_groups(fewer)] == ["with"]
    assert shown_ratios(fewer) == []
