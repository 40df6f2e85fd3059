"""The backbones: shapes of their outputs, no effect of the batch, their sizes."""

import pytest
import torch

from facedge.train.architectures import ARCHITECTURES, Edge, Mirrored, build


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("size", [32, 64, 80, 112])
def test_backbone_returns_unit_embeddings_and_one_logit_an_attribute(arch: str, size: int) -> None:
    module = build(arch, size, 40).eval()
    embedding, logits = module(torch.randn(3, 1, size, size))
    assert embedding.shape == (3, module.embedding_size)
    assert logits.shape == (3, 40)
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(3))


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_an_image_has_the_same_output_alone_and_in_a_batch(arch: str) -> None:
    module = build(arch, 64, 40).eval()
    images = torch.randn(5, 1, 64, 64)
    together = module(images)
    for row in range(5):
        for whole, alone in zip(together, module(images[row : row + 1]), strict=True):
            torch.testing.assert_close(whole[row], alone[0], atol=1e-5, rtol=1e-4)


def test_a_mirrored_backbone_has_the_same_output_for_a_face_and_its_mirror_image() -> None:
    module = Mirrored(build("edge", 32, 5)).eval()
    images = torch.randn(3, 1, 32, 32)
    for straight, turned in zip(module(images), module(images.flip(3)), strict=True):
        torch.testing.assert_close(straight, turned, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(module(images)[0].norm(dim=1), torch.ones(3))


def test_attributes_are_read_from_every_stage_and_the_embedding_from_the_last() -> None:
    module = Edge(64, 5).eval()
    images = torch.randn(2, 1, 64, 64)
    features, last = module.attribute_features(images), module.features(images)
    assert features.shape == (2, sum(module.widths) * 4 * 4)
    torch.testing.assert_close(features[:, : last.shape[1]], last)
    first = module.trunk[0](images)[0, 0, :8, :8].mean()  # of the first channel, in the upper left cell of 4 x 4
    torch.testing.assert_close(features[0, last.shape[1]], first)
    torch.testing.assert_close(module(images)[1], module.attributes(features))


def test_the_default_backbone_stays_small() -> None:
    assert sum(p.numel() for p in build("edge", 64, 40).parameters()) <= 4_000_000


def test_plain_is_the_original_network() -> None:
    shapes = [tuple(p.shape) for p in build("plain", 64, 40).parameters() if p.ndim > 1]
    assert shapes == [(40, 1, 3, 3), (80, 40, 3, 3), (120, 80, 3, 3), (64, 120 * 8 * 8), (40, 64)]


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(ValueError, match="edge, plain, got 'huge'"):
        build("huge", 64, 40)
