"""Targets for the embedding from the teachers' embeddings, and the embedding layer fitted to them in closed form.

A teacher's embedding has more numbers than it has degrees of freedom: those of EdgeFace-S, 512 long, lie in fewer than
100 dimensions. Their principal components (PCA) are targets of the embedding's own length, so that the cosine of two
embeddings is trained to be the teacher's cosine, without a map between them. The mean of all faces is taken off
before: it says nothing of a person and moves all cosines towards 1.

Trained by gradient descent, the embedding layer fits the training images better than others. Ridge regression (Hoerl
and Kennard 1970) on the features before it, with a penalty chosen on the validation people, generalises better.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from facedge.train.architectures import Edge
from facedge.train.initial_weights import take_statistics
from facedge.train.validation import Scores
from facedge.train.views import Taught, Views
from facedge.types import Float32Array, Float64Array

# Of the ridge regression, in units of the features' mean variance; the first where no validation people tell.
PENALTIES = (0.1, 0.01, 0.03, 0.3, 1.0)
IMAGES = 50_000  # for one fit


def principal_targets(taught: Taught, size: int) -> Taught:
    """The embeddings (N, T) less their mean, on their first `size` principal directions, L2-normalised: (N, size).

    Mean and directions are those of the images, and serve the views too. With T below `size` the last numbers are 0.
    """
    if taught.embeddings is None:
        return taught
    mean = taught.embeddings.mean(axis=0, dtype=np.float64)
    directions = _principal_directions(taught.embeddings - mean, size)

    def reduced(embeddings: Float32Array) -> Float32Array:
        target = (embeddings - mean) @ directions
        return np.asarray(target / np.maximum(np.linalg.norm(target, axis=1, keepdims=True), 1e-9), dtype=np.float32)

    views = tuple(Views(view.patches, view.attributes, reduced(view.teacher)) for view in taught.views)
    return Taught(reduced(taught.embeddings), views)


def _principal_directions(centred: Float64Array, size: int) -> Float32Array:
    """(T, size), of falling variance; of each, the number furthest from 0 is positive, on every machine."""
    _, vectors = np.linalg.eigh(centred.T @ centred)
    chosen = vectors[:, ::-1][:, :size]
    chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(chosen.shape[1])])
    return np.pad(chosen, ((0, 0), (0, size - chosen.shape[1]))).astype(np.float32)


@torch.no_grad()
def fit_embedding(
    backbone: Edge, batches: Iterator[tuple[Tensor, Tensor]], evaluate: Callable[[], Scores]
) -> tuple[float, Scores]:
    """Replace the embedding layer by the ridge regression that scores best: (its penalty, its scores).

    batches: network inputs (B, 1, S, S) and targets (B, D). evaluate: called after the layer was replaced by each of
    the candidates. The batch norm after the layer becomes an offset, and computes the same in training mode.
    """
    was_training = backbone.training
    backbone.eval()
    moments = _moments(backbone, batches)
    layers = {penalty: _regression(moments, penalty) for penalty in PENALTIES}
    scores = {}
    for penalty, layer in layers.items():
        _replace(backbone, layer, moments)
        scores[penalty] = evaluate()
    best = max(scores, key=lambda penalty: scores[penalty].overall)
    _replace(backbone, layers[best], moments)
    backbone.train(was_training)
    return best, scores[best]


@dataclass(frozen=True)
class _Moments:
    """Of features (N, F) and targets (N, D) of samples, in float64: mean and covariance, and that of both."""

    mean: Tensor  # (F,)
    covariance: Tensor  # (F, F)
    cross: Tensor  # (F, D)


def _moments(backbone: Edge, batches: Iterator[tuple[Tensor, Tensor]]) -> _Moments:
    embedding, count = backbone.embedding, 0
    zeros = partial(torch.zeros, dtype=torch.float64, device=embedding.weight.device)
    mean, target = zeros(embedding.in_features), zeros(embedding.out_features)
    products, cross = zeros(len(mean), len(mean)), zeros(len(mean), len(target))
    for image, y in batches:
        both = backbone.features(torch.cat([image, image.flip(3)]))  # of the mirror image too, as at inference
        x = (both[: len(image)] + both[len(image) :]) / 2
        count += len(x)
        mean += x.sum(0)
        target += y.sum(0)
        products += x.T @ x
        cross += x.T @ y
    mean, target = mean / count, target / count
    return _Moments(mean, products / count - torch.outer(mean, mean), cross / count - torch.outer(mean, target))


def _regression(moments: _Moments, penalty: float) -> Tensor:
    """Weights (F, D) that map centred features to centred targets."""
    level = penalty * moments.covariance.diagonal().mean()
    weights: Tensor = torch.linalg.solve(
        moments.covariance + level * torch.eye(len(moments.mean)).to(level), moments.cross
    )
    return weights


def _replace(backbone: Edge, layer: Tensor, moments: _Moments) -> None:
    """Take `layer` (F, D) as the embedding layer; the batch norm subtracts its mean output and keeps its scale."""
    backbone.embedding.weight.copy_(layer.T)
    variance = ((moments.covariance @ layer) * layer).sum(0)
    take_statistics(backbone.norm, moments.mean @ layer, variance)
    backbone.norm.bias.zero_()
