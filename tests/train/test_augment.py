"""Augmentation: reproducible, in range, and nothing at all when switched off."""

import pytest
import torch
from torch import Generator

from facedge.preprocessing import PreprocessSpec
from facedge.train.augment import Augment, augment, centre_crop
from facedge.train.camera_conditions import FaceLayout

LAYOUT = FaceLayout.of(PreprocessSpec(), 8)


def patches(count: int = 6, side: int = 80) -> torch.Tensor:
    return torch.randint(0, 256, (count, side, side), dtype=torch.uint8, generator=Generator().manual_seed(1))


def test_views_depend_on_the_generator_alone() -> None:
    first = augment(patches(), LAYOUT, 64, Augment(), Generator().manual_seed(3))
    again = augment(patches(), LAYOUT, 64, Augment(), Generator().manual_seed(3))
    other = augment(patches(), LAYOUT, 64, Augment(), Generator().manual_seed(4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_views_have_the_network_s_shape_and_range() -> None:
    views = augment(patches(), LAYOUT, 64, Augment(), Generator().manual_seed(0))
    assert views.shape == (6, 1, 64, 64)
    assert views.dtype == torch.float32
    assert views.min() >= -1
    assert views.max() <= 1


def test_without_augmentation_a_view_is_the_centre_crop() -> None:
    views = augment(patches(), LAYOUT, 64, Augment.none(), Generator().manual_seed(0))
    torch.testing.assert_close(views, centre_crop(patches(), 64), atol=1e-4, rtol=0)


def test_flip_mirrors_and_does_nothing_else() -> None:
    flipped = augment(patches(), LAYOUT, 64, Augment(0, 0, 0, 1.0, 0, 0, 0, 0, 0, 0), Generator().manual_seed(0))
    torch.testing.assert_close(flipped, centre_crop(patches(), 64).flip(3), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "name",
    [
        "rotation",
        "scale",
        "shift",
        "contrast",
        "brightness",
        "gamma",
        "soft",
        "noise",
        "occlude",
        "aspect",
        "conditions",
    ],
)
def test_each_strength_changes_something(name: str) -> None:
    strength = Augment(**{**Augment.none().__dict__, name: 0.9 if name in ("soft", "occlude", "conditions") else 0.3})
    views = augment(patches(), LAYOUT, 64, strength, Generator().manual_seed(0))
    assert not torch.allclose(views, centre_crop(patches(), 64), atol=1e-3)


def test_which_images_are_softened_does_not_depend_on_their_place() -> None:
    """Camera conditions fall on the first images of a batch: softening the first as well would join the two."""
    strength = Augment(**{**Augment.none().__dict__, "soft": 0.25})
    changed = torch.zeros(40)
    for seed in range(60):
        views = augment(patches(40), LAYOUT, 64, strength, Generator().manual_seed(seed))
        differs = (views - centre_crop(patches(40), 64)).abs().amax((1, 2, 3)) > 1e-3
        assert differs.sum() == 10
        changed += differs
    assert changed.min() >= 4 and changed.max() <= 30
