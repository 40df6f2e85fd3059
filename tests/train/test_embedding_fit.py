"""Targets of the embedding's length from a teacher's embeddings, and the embedding layer fitted to them."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from facedge.train.architectures import Edge
from facedge.train.embedding_fit import PENALTIES, fit_embedding, principal_targets
from facedge.train.validation import Scores
from facedge.train.views import Taught, Views
from facedge.types import Float32Array


def embeddings(count: int, length: int, dimensions: int, seed: int = 0) -> Float32Array:
    """L2-normalised, in few dimensions around a mean far from 0, as those of recognisers are."""
    draw = np.random.default_rng(seed)
    axes = np.linalg.qr(draw.normal(size=(length, dimensions)))[0]
    x = draw.normal(size=(count, dimensions)) @ axes.T + 2 * axes[:, 0]
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)


def targets(embedded: Float32Array, size: int) -> Float32Array:
    reduced = principal_targets(Taught(embedded), size).embeddings
    assert reduced is not None
    return reduced


def test_targets_have_the_cosines_of_the_centred_embeddings() -> None:
    embedded = embeddings(40, 24, 6)
    centred = embedded - embedded.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    reduced = targets(embedded, 8)
    assert reduced.shape == (40, 8)
    np.testing.assert_allclose(reduced @ reduced.T, centred @ centred.T, atol=1e-5)


def test_fewer_targets_keep_the_directions_of_most_variance() -> None:
    embedded = embeddings(300, 24, 12)
    whole, part = targets(embedded, 12), targets(embedded, 6)
    first = whole[:, :6] / np.linalg.norm(whole[:, :6], axis=1, keepdims=True)
    np.testing.assert_allclose(part, first, atol=1e-5)
    spread = whole.var(axis=0)
    assert (np.diff(spread) < 1e-2).all() and spread[0] > spread[-1]


def test_a_short_embedding_is_filled_with_zeros() -> None:
    reduced = targets(embeddings(20, 5, 5), 9)
    assert reduced.shape == (20, 9)
    assert (reduced[:, 5:] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(reduced, axis=1), 1, atol=1e-6)


def test_views_get_the_directions_of_the_images() -> None:
    embedded = embeddings(30, 16, 5)
    view = Views(np.zeros((30, 4, 4), np.uint8), np.zeros((30, 2), np.float32), embedded[::-1].copy())
    taught = principal_targets(Taught(embedded, (view,)), 6)
    assert taught.embeddings is not None
    np.testing.assert_array_equal(taught.views[0].teacher, taught.embeddings[::-1])


def test_without_a_teacher_there_are_no_targets() -> None:
    assert principal_targets(Taught(None), 8).embeddings is None


@pytest.fixture
def backbone() -> Edge:
    torch.manual_seed(3)
    return Edge(32, 4).eval()


def batches(backbone: Edge, count: int = 160) -> Iterator[tuple[Tensor, Tensor]]:
    """Images whose targets are a linear function of the features of the image and its mirror image."""
    torch.manual_seed(4)
    x = torch.randn(count, 1, 32, 32)
    with torch.no_grad():
        features = (backbone.features(x) + backbone.features(x.flip(3))) / 2
    mapping = torch.randn(features.shape[1], 128, generator=torch.Generator().manual_seed(5)) / 10
    yield from zip(torch.split(x, 32), torch.split(F.normalize(features @ mapping), 32), strict=True)


def test_the_layer_fits_the_targets_and_the_best_penalty_is_kept(backbone: Edge) -> None:
    x, y = (torch.cat(parts) for parts in zip(*batches(backbone), strict=True))
    y = y - y.mean(0)

    def agreement() -> float:
        with torch.no_grad():
            embedding = backbone(x)[0] + backbone(x.flip(3))[0]
        return float((F.normalize(embedding) * F.normalize(y)).sum(1).mean())

    tried: list[float] = []

    def evaluate() -> Scores:
        tried.append(agreement())
        return Scores(0.0, tried[-1])

    penalty, scores = fit_embedding(backbone, batches(backbone), evaluate)
    best = scores.tar
    assert best is not None and best > 0.99
    assert (penalty, best) == (PENALTIES[tried.index(max(tried))], max(tried))
    assert agreement() == pytest.approx(best)  # the layer of that penalty was put back


def test_training_goes_on_from_the_same_outputs(backbone: Edge) -> None:
    """In training mode batch norm has the statistics of the batch: those of all samples give what they gave before."""
    fit_embedding(backbone, batches(backbone), lambda: Scores(0.5, None))
    x = torch.cat([image for image, _ in batches(backbone)])
    both = torch.cat([x, x.flip(3)])
    with torch.no_grad():
        layer = backbone.embedding(backbone.features(both))
        judged = backbone.norm(layer)
        backbone.norm.train()
        trained = backbone.norm(layer)
    assert F.cosine_similarity(judged, trained).min() > 0.9


def test_without_scores_the_first_penalty_is_taken(backbone: Edge) -> None:
    assert fit_embedding(backbone, batches(backbone), lambda: Scores(0.5, None))[0] == PENALTIES[0]
