"""The spec: what it accepts, how its crop scales, and that its digest tells specs apart."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.errors import InputError
from facedge.preprocessing.spec import FRAME_HEIGHT, FRAME_WIDTH, LANDMARKS, PreprocessSpec


def test_the_default_is_a_square_of_the_frame_that_holds_the_landmarks() -> None:
    spec = PreprocessSpec()
    x0, y0, x1, y1 = (v / 256 for v in spec.crop)
    assert (x0, y0, x1, y1) == (24, 60, 152, 188)
    assert all(x0 < x < x1 and y0 < y < y1 for x, y in LANDMARKS)


def test_the_crop_scales_with_the_image_and_is_exact_on_the_frame() -> None:
    spec = PreprocessSpec()
    assert spec.box_for(FRAME_HEIGHT, FRAME_WIDTH) == spec.crop
    assert spec.box_for(109, 89) == tuple(v // 2 for v in spec.crop)


@given(st.integers(1, 16384), st.integers(1, 16384))
def test_the_scaled_crop_lies_inside_and_within_half_a_unit_of_exact(height: int, width: int) -> None:
    spec = PreprocessSpec()
    box = spec.box_for(height, width)
    assert 0 <= box[0] <= box[2] <= 256 * width
    assert 0 <= box[1] <= box[3] <= 256 * height
    exact = [c * n / f for c, n, f in zip(spec.crop, (width, height) * 2, (FRAME_WIDTH, FRAME_HEIGHT) * 2, strict=True)]
    assert all(abs(b - e) <= 0.5 for b, e in zip(box, exact, strict=True))


def test_the_digest_is_of_canonical_json_and_known() -> None:
    """A changed digest refuses every bundle out there: it must never change by accident."""
    assert PreprocessSpec().digest == "a331b4d903bc09b515a1661ebe3bfcd9d99a73830e03a79d56c0981824764b13"


@pytest.mark.parametrize("other", [PreprocessSpec(size=65), PreprocessSpec(crop=(0, 0, 256, 256))])
def test_other_specs_have_other_digests(other: PreprocessSpec) -> None:
    assert other.digest != PreprocessSpec().digest


@given(st.integers(8, 512), st.integers(0, 100), st.integers(0, 100))
def test_a_spec_survives_json(size: int, x0: int, y0: int) -> None:
    spec = PreprocessSpec(size, (x0, y0, 40000, 50000))
    again = PreprocessSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert again.digest == spec.digest


@pytest.mark.parametrize(
    ("size", "crop"),
    [
        (7, (0, 0, 256, 256)),
        (513, (0, 0, 256, 256)),
        (64.0, (0, 0, 256, 256)),
        (True, (0, 0, 256, 256)),
        (64, (0, 0, 256)),
        (64, (0, 0, 0, 256)),
        (64, (-1, 0, 256, 256)),
        (64, (0, 0, FRAME_WIDTH * 256 + 1, 256)),
        (64, (0.0, 0, 256, 256)),
    ],
)
def test_specs_that_mean_nothing_are_refused(size: int, crop: tuple[int, int, int, int]) -> None:
    with pytest.raises(InputError):
        PreprocessSpec(size, crop)


@pytest.mark.parametrize("change", [{"algorithm": 2}, {"luma": [1, 2, 3]}, {"size": 4}, {"crop": 5}, {"more": 1}])
def test_a_spec_of_another_version_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError):
        PreprocessSpec.from_dict({**PreprocessSpec().to_dict(), **change})


def test_a_spec_with_a_part_missing_is_refused() -> None:
    with pytest.raises(InputError, match="size and crop"):
        PreprocessSpec.from_dict({"algorithm": 1})
