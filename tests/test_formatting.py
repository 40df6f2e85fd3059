"""Numbers as text: digits, units and ends of intervals."""

import pytest

from facedge.formatting import counted, file_size, interval, label_text, percent, rate, with_interval


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0.0 %"),
        (1.0, "100.0 %"),
        (0.8964, "89.6 %"),
        (0.01, "1.0 %"),
        (0.0023, "0.23 %"),
        (0.000456, "0.046 %"),
        (0.0000123, "0.0012 %"),
    ],
)
def test_percent(value: float | None, text: str) -> None:
    assert percent(value) == text


def test_percent_with_a_number_of_digits() -> None:
    assert percent(0.12345, 3) == "12.345 %"
    assert percent(0.5, 0) == "50 %"


@pytest.mark.parametrize(("value", "text"), [(0.001, "0.1 %"), (0.05, "5 %"), (1e-6, "0.0001 %"), (0.1 + 0.2, "30 %")])
def test_rate(value: float, text: str) -> None:
    assert rate(value) == text


def test_interval() -> None:
    assert interval(0.681, 0.74) == "68.1 to 74.0 %"
    assert interval(0.0005, 0.012) == "0.050 to 1.2 %"
    assert interval(None, 0.1) == interval(0.1, None) == "-"


def test_with_interval() -> None:
    assert with_interval(0.566, 0.529, 0.603) == "56.6 % (52.9 to 60.3)"
    assert with_interval(0.5, None, 0.6) == "50.0 %"
    assert with_interval(None, 0.1, 0.2) == "-"


def test_counted() -> None:
    assert counted(1, "person", "people") == "1 person"
    assert counted(2, "person", "people") == "2 people"
    assert counted(3195, "photo") == "3,195 photos"
    assert counted(0, "photo") == "0 photos"


def test_label_text() -> None:
    assert label_text("Mouth_Slightly_Open") == "Mouth slightly open"
    assert label_text("5_o_Clock_Shadow") == "5 o’clock shadow"
    assert label_text("") == ""


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (99_999, "99,999 B"),
        (100_000, "100 kB"),
        (1_499_400, "1,499 kB"),
        (10_000_000, "10.0 MB"),
        (1_234_567_890, "1,234.6 MB"),
    ],
)
def test_file_size(size: int, text: str) -> None:
    assert file_size(size) == text
