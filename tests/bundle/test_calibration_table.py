"""calibration.json: what is written is read again, and whatever breaks the format ends in one sentence."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.bundle.calibration_table import (
    CALIBRATION,
    CalibrationTable,
    Condition,
    ConditionRow,
    TablePoint,
    TableRow,
    read_table,
)
from facedge.errors import BundleError

POINTS = (TablePoint(0.001, 0.5, 0.0004, 0.0021, 0.12), TablePoint(0.01, 0.4, 0.008, 0.012, 0.05))
ROWS = tuple(TableRow(images, 20.5, -9.25, 0.01, POINTS) for images in (1, 2, 4))
SHOWN = tuple(ConditionRow(images, 0.2, (0.35, 0.3), (0.4, 0.3)) for images in (1, 2, 4))
TABLE = CalibrationTable(100, 4950, ROWS, (Condition("dark glasses", (0.5, 0.0), (1.0, -0.25), SHOWN),))


def parsed(content: Any) -> CalibrationTable | None:
    return read_table({CALIBRATION: json.dumps(content).encode()}, 2)


def content() -> Any:
    return json.loads(TABLE.to_json())


def test_what_is_written_is_read_again() -> None:
    assert read_table({CALIBRATION: TABLE.to_json()}, 2) == TABLE
    assert read_table({}, 2) is None
    plain = replace(TABLE, conditions=())
    assert read_table({CALIBRATION: plain.to_json()}, 512) == plain


@pytest.mark.parametrize(("images", "row"), [(1, 0), (2, 1), (3, 1), (4, 2), (40, 2)])
def test_the_row_is_the_last_that_has_no_more_images(images: int, row: int) -> None:
    assert TABLE.row_for(images) == row
    assert replace(TABLE, rows=ROWS[1:]).row_for(1) == 0


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("identities",), 0),
        (("rows",), []),
        (("rows", 0, "images"), 2),
        (("rows", 0, "slope"), -1.0),
        (("rows", 0, "shift"), None),
        (("rows", 1, "points", 0, "far_target"), 0.002),
        (("rows", 1, "points"), []),
        (("rows", 0, "points", 0, "threshold"), "0.5"),
        (("rows", 0, "points", 0, "frr"), 1.5),
        (("conditions", 0, "name"), "\u001b[2J"),
        (("conditions", 0, "mean"), [0.5]),
        (("conditions", 0, "direction"), [1.0, True]),
        (("conditions", 0, "rows", 0, "images"), 2),
        (("conditions", 0, "rows", 0, "above"), [0.1]),
        (("conditions", 0, "rows", 0, "limit"), 1e9),
        (("conditions", 0, "rows"), []),
        (("more",), 1),
    ],
)
def test_a_wrong_value_is_named(path: tuple[Any, ...], value: Any) -> None:
    wrong = content()
    inside = wrong
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    with pytest.raises(BundleError, match=CALIBRATION):
        parsed(wrong)


def test_a_table_for_another_embedding_is_refused() -> None:
    with pytest.raises(BundleError, match="mean"):
        read_table({CALIBRATION: TABLE.to_json()}, 3)


@given(
    st.recursive(st.none() | st.booleans() | st.floats(0, 1) | st.text(max_size=3), st.lists, max_leaves=5), st.data()
)
def test_any_value_in_any_place_is_read_or_refused(value: Any, data: st.DataObject) -> None:
    changed = content()
    inside = changed
    while isinstance(inside, dict | list) and inside:
        key = data.draw(st.sampled_from(sorted(inside) if isinstance(inside, dict) else range(len(inside))))
        if data.draw(st.booleans()) or not isinstance(inside[key], dict | list):
            inside[key] = value
            break
        inside = inside[key]
    try:
        assert parsed(changed) is not None
    except BundleError as problem:
        assert "\n" not in str(problem)
