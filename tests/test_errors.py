"""What sentences take from other libraries' exceptions."""

import pytest

from facedge.errors import first_line


@pytest.mark.parametrize(
    ("problem", "most", "expected"),
    [
        (ValueError("no such axis\nin node 7"), None, "no such axis"),
        (ValueError("  no such axis"), 7, "no such"),
        (RuntimeError(), None, "RuntimeError"),
        (RuntimeError(" \n "), 5, "RuntimeError"),
    ],
)
def test_the_first_line_of_a_reason(problem: Exception, most: int | None, expected: str) -> None:
    assert first_line(problem, most) == expected
