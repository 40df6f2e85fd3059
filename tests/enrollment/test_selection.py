"""Which photos enroll a person: what is left of a source that is mostly refused enrolls nobody."""

import pytest

from facedge.enrollment.capture import CheckedPhoto
from facedge.enrollment.selection import refuse_implausible
from facedge.errors import InputError


@pytest.mark.parametrize(
    ("faults", "refused"),
    [
        ([None, "rotated"], "1 of 2 photos"),
        ([None, "rotated", "rotated"], "2 of 3 photos"),
        ([None, "distorted", "no_face", "rotated", None], "2 of 4 photos"),
        ([None, None, "rotated"], ""),
        ([None, "no_face", "blurred"], ""),
        (["rotated", "rotated"], ""),  # nothing is left that could be enrolled: another sentence says so
        ([None], ""),
    ],
)
def test_what_is_left_of_mostly_tilted_or_squeezed_photos_is_not_enrolled(
    faults: list[str | None], refused: str
) -> None:
    checked = [CheckedPhoto(f"{number}.jpg", None, fault) for number, fault in enumerate(faults)]
    if refused:
        with pytest.raises(InputError, match=f"me: in {refused} the head is tilted or the picture squeezed"):
            refuse_implausible(checked, "me: ")
    else:
        refuse_implausible(checked)
