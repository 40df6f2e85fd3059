"""Figures as people read them."""

import pytest

from facedge.cli._style import counted, percent


@pytest.mark.parametrize(
    ("number", "told"), [(0, "0 people"), (1, "1 person"), (2, "2 people"), (3195, "3,195 people")]
)
def test_a_noun_follows_its_number(number: int, told: str) -> None:
    assert counted(number, "person", "people") == told


def test_most_nouns_take_an_s() -> None:
    assert (counted(1, "photo"), counted(4, "photo")) == ("1 photo", "4 photos")


@pytest.mark.parametrize(
    ("rate", "told"), [(None, "-"), (0.0, "0 %"), (0.5, "50 %"), (0.0123, "1.2 %"), (0.00123, "0.12 %")]
)
def test_a_rate_shows_as_many_digits_as_it_needs(rate: float | None, told: str) -> None:
    assert percent(rate) == told
