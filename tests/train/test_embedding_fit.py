"""The embedding layer fitted to targets, and its last numbers to camera conditions."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from facedge.dataset.conditions import CONDITIONS, under_condition
from facedge.dataset.prepared import Faces
from facedge.preprocessing import PreprocessSpec, preprocess
from facedge.train import embedding_fit
from facedge.train.architectures import Edge
from facedge.train.embedding_fit import (
    CONDITION_LEVEL,
    CONDITION_NUMBERS,
    FEWEST_FOR_CONDITIONS,
    PENALTIES,
    fit_condition_numbers,
    fit_embedding,
)
from facedge.train.validation import Scores
from facedge.types import UInt8Array


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


def test_the_last_numbers_show_the_conditions_and_the_others_stay(
    tiny_faces: Faces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_fit, "FEWEST_FOR_CONDITIONS", 20)
    spec = PreprocessSpec(size=32)
    torch.manual_seed(3)
    backbone = Edge(32, 4).eval()
    held_out = list(tiny_faces.images[tiny_faces.indices("test")])

    def embedded(crops: Sequence[UInt8Array]) -> Tensor:
        x = torch.from_numpy(preprocess(np.stack(crops), spec))
        with torch.no_grad():
            layer: Tensor = backbone.norm(backbone.embedding(backbone.features(torch.cat([x, x.flip(3)]))))
        return layer

    before = embedded(held_out)
    assert fit_condition_numbers(backbone, tiny_faces, spec)
    after = embedded(held_out)
    torch.testing.assert_close(after[:, :-CONDITION_NUMBERS], before[:, :-CONDITION_NUMBERS])
    ordinary = after[:, -CONDITION_NUMBERS:]
    for name in ("dark glasses", "overexposed faces", "faces narrowed to 0.67 of their width"):
        number = list(CONDITIONS).index(name)
        shown = embedded(under_condition(np.stack(held_out), name)[0])[:, number - CONDITION_NUMBERS]
        assert shown.mean() > ordinary[:, number].mean() + 2 * ordinary[:, number].std(), name
        assert shown.mean() < 1.5 * CONDITION_LEVEL


def test_few_images_fit_no_condition_numbers(tiny_faces: Faces) -> None:
    torch.manual_seed(3)
    backbone = Edge(32, 4)
    before = backbone.embedding.weight.clone()
    assert len(tiny_faces.indices("train")) < FEWEST_FOR_CONDITIONS
    assert not fit_condition_numbers(backbone, tiny_faces, PreprocessSpec(size=32))
    assert torch.equal(backbone.embedding.weight, before)
