"""A rendered head and rendered photos before the Watcher: one real person, enrolled from photos."""

from pathlib import Path

import numpy as np
import pytest
from head_turns import bent, folded, printed
from presentations import Subject, flip_book, genuine, held_still, photo, present, subject_of, two_stills

import facedge
from facedge.imaging import load_rgb

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def subject(shared_data: Path, detector: None) -> Subject:
    photos = [shared_data / "photos/me" / name for name in ("obama.jpg", "obama2.jpg", "obama3.jpg")]
    found = subject_of(facedge.enroll(photos).verifier, load_rgb(photos[0]))
    assert found is not None
    return found


def test_a_head_that_turns_is_accepted(subject: Subject) -> None:
    rng = np.random.default_rng(0)
    assert present(subject, genuine(subject), side="left", rng=rng) == "accept"
    assert present(subject, genuine(subject), side="right", rng=rng) == "accept"


def test_photos_are_not(subject: Subject) -> None:
    rng = np.random.default_rng(0)
    for surface in (bent(1.25), printed(bent(0.8), 1.25), printed(folded(40), 1.3)):
        shown = photo(subject, f"{surface}", surface)
        assert present(subject, shown, side="left", rng=rng) != "accept"
    for shown in (held_still(subject), two_stills(subject), flip_book(subject, 3)):
        assert present(subject, shown, side="right", rng=rng) != "accept"
