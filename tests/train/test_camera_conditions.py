"""Camera conditions: in range, reproducible, each where and as strong as it claims to be."""

import pytest
import torch
from torch import Generator, Tensor

from facedge.preprocessing import PreprocessSpec
from facedge.train.camera_conditions import (
    CONDITIONS,
    Condition,
    FaceLayout,
    apply_conditions,
    backlit,
    dark_glasses,
    jpeg,
    masked,
    motion_blur,
    overexposed,
)

LAYOUT = FaceLayout.of(PreprocessSpec(), 8)


def faces(count: int = 8) -> Tensor:
    smooth = torch.rand(count, 1, 10, 10, generator=Generator().manual_seed(1)) * 1.2 - 0.6
    return torch.nn.functional.interpolate(smooth, size=80, mode="bilinear")


def at(x: Tensor, point: tuple[float, float]) -> Tensor:
    return x[:, 0, round(point[1]), round(point[0])]


def test_the_layout_is_that_of_the_crop() -> None:
    spec = PreprocessSpec()
    scale = spec.size * 256 / (spec.crop[2] - spec.crop[0])
    assert LAYOUT.eye_distance == pytest.approx((107.8 - 68.4) * scale)
    assert LAYOUT.eyes[0] == pytest.approx(8 + (88.1 - spec.crop[0] / 256) * scale)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_each_condition_keeps_the_shape_and_changes_every_image(condition: Condition) -> None:
    changed = condition(faces(), LAYOUT, Generator().manual_seed(2))
    assert changed.shape == (8, 1, 80, 80)
    assert changed.isfinite().all()
    assert ((changed - faces()).abs().flatten(1).max(1).values > 0.01).all()
    assert torch.equal(changed, condition(faces(), LAYOUT, Generator().manual_seed(2)))


def test_each_condition_falls_on_its_share_and_the_rest_is_untouched() -> None:
    x = faces(40)
    changed = apply_conditions(x, LAYOUT, 0.1, Generator().manual_seed(0))
    differs = (changed != x).flatten(1).any(1)
    assert differs[: 4 * len(CONDITIONS)].all()
    assert not differs[4 * len(CONDITIONS) :].any()
    assert changed.abs().max() <= 1
    assert apply_conditions(x, LAYOUT, 0.0, Generator()) is x


def test_a_mask_covers_the_mouth_and_leaves_the_eyes() -> None:
    x = faces()
    covered = masked(x, LAYOUT, Generator().manual_seed(0))
    assert (at(covered, LAYOUT.mouth) != at(x, LAYOUT.mouth)).all()
    assert torch.equal(at(covered, LAYOUT.eyes), at(x, LAYOUT.eyes))


def test_glasses_darken_the_eyes_and_leave_the_mouth() -> None:
    x = faces()
    worn = dark_glasses(x, LAYOUT, Generator().manual_seed(0))
    left = (LAYOUT.eyes[0] - LAYOUT.eye_distance / 2, LAYOUT.eyes[1])
    assert (at(worn, left) < -0.4).all()
    assert torch.equal(at(worn, LAYOUT.mouth), at(x, LAYOUT.mouth))


def test_light_from_behind_darkens_the_face_and_brightens_the_corners() -> None:
    lit = backlit(torch.zeros(4, 1, 80, 80), LAYOUT, Generator().manual_seed(0))
    assert (at(lit, LAYOUT.nose) < -0.2).all()
    assert (lit[:, 0, 0, 0] > 0.3).all()


def test_overexposure_clips_at_white() -> None:
    assert overexposed(torch.full((4, 1, 80, 80), 0.8), LAYOUT, Generator().manual_seed(0)).eq(1).all()


def test_motion_blur_keeps_what_is_even_and_widens_a_point() -> None:
    even = torch.full((2, 1, 80, 80), 0.3)
    torch.testing.assert_close(motion_blur(even, LAYOUT, Generator().manual_seed(0)), even)
    point = torch.zeros(1, 1, 80, 80)
    point[0, 0, 40, 40] = 1
    blurred = motion_blur(point, LAYOUT, Generator().manual_seed(0))
    assert blurred.max() < 0.6
    assert blurred.sum().item() == pytest.approx(1, abs=1e-5)


def test_jpeg_keeps_the_mean_of_a_block_within_a_step() -> None:
    x = faces()
    coded = jpeg(x, LAYOUT, Generator().manual_seed(0))
    blocks = torch.nn.functional.avg_pool2d(coded - x, 8)
    assert blocks.abs().max() <= 0.2 / 2 / 8 + 1e-5  # half the largest step of the first coefficient, 8 times the mean
