"""Numbers as text."""

import pytest

from facedge.formatting import counted, interval, label_text, percent, rate


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 people"), (1, "1 person"), (2, "2 people"), (3195, "3,195 people")]
)
def test_a_noun_follows_its_number(number: int, text: str) -> None:
    assert counted(number, "person", "people") == text


def test_most_nouns_take_an_s() -> None:
    assert (counted(1, "photo"), counted(4, "photo")) == ("1 photo", "4 photos")


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.0, "0.0 %"), (0.5, "50.0 %"), (0.0123, "1.2 %"), (0.00123, "0.12 %")]
)
def test_a_rate_shows_as_many_digits_as_it_needs(value: float | None, text: str) -> None:
    assert percent(value) == text


def test_rates_intervals_and_labels_as_text() -> None:
    assert [percent(v) for v in (0.89641, 0.0, 1.0, 0.0213, 0.00104, 0.00012, None)] == [
        "89.6 %", "0.0 %", "100.0 %", "2.1 %", "0.10 %", "0.012 %", "-",
    ]  # fmt: skip
    assert [rate(v) for v in (0.01, 0.001, 1e-4, 1e-5, 1.0)] == ["1 %", "0.1 %", "0.01 %", "0.001 %", "100 %"]
    assert interval(0.681, 0.74) == "68.1 to 74.0 %"
    assert interval(None, 0.5) == "-"
    assert [label_text(n) for n in ("Mouth_Slightly_Open", "5_o_Clock_Shadow", "Male", "")] == [
        "Mouth slightly open", "5 o’clock shadow", "Male", "",
    ]  # fmt: skip
