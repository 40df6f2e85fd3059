"""Targets for the embedding from the teachers' embeddings, and the embedding layer fitted to them in closed form.

A teacher's embedding has more numbers than it has degrees of freedom: those of EdgeFace-S, 512 long, lie in fewer than
100 dimensions. Their principal components (PCA) are targets of the embedding's own length, so that the cosine of two
embeddings is trained to be the teacher's cosine, without a map between them. The mean of all faces is taken off
before: it says nothing of a person and moves all cosines towards 1.

Trained by gradient descent, the embedding layer fits the training images better than others. Ridge regression (Hoerl
and Kennard 1970) on the features before it, with a penalty chosen on the validation people, generalises better.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from facedge.train.architectures import Edge
from facedge.train.views import Taught, Views
from facedge.types import Float32Array

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


def _principal_directions(centred: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", size: int) -> Float32Array:
    """(T, size), of falling variance; of each, the number furthest from 0 is positive, on every machine."""
    _, vectors = np.linalg.eigh(centred.T @ centred)
    chosen = vectors[:, ::-1][:, :size]
    chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(chosen.shape[1])])
    return np.pad(chosen, ((0, 0), (0, size - chosen.shape[1]))).astype(np.float32)


@torch.no_grad()
def fit_embedding(
    backbone: Edge, batches: Iterator[tuple[Tensor, Tensor]], score: Callable[[], float]
) -> tuple[float, float]:
    """Replace the embedding layer by the ridge regression that scores best: (its penalty, its score).

    batches: network inputs (B, 1, S, S) and targets (B, D). score: called after the layer was replaced by each of the
    candidates. The batch norm after the layer becomes an offset, and computes the same in training mode.
    """
    was_training = backbone.training
    backbone.eval()
    moments = _Moments(backbone.embedding.in_features, backbone.embedding.out_features, next(backbone.parameters()))
    for x, target in batches:
        features = backbone.features(torch.cat([x, x.flip(3)]))  # of the mirror image too, as at inference
        moments.add((features[: len(x)] + features[len(x) :]) / 2, target)
    layers = {penalty: moments.regression(penalty) for penalty in PENALTIES}
    scores = {}
    for penalty, layer in layers.items():
        _replace(backbone, layer, moments)
        scores[penalty] = score()
    best = max(scores, key=lambda penalty: scores[penalty])
    _replace(backbone, layers[best], moments)
    backbone.train(was_training)
    return best, scores[best]


class _Moments:
    """Sums over samples of features (B, F) and targets (B, D), in float64."""

    def __init__(self, features: int, targets: int, like: Tensor) -> None:
        self.count = 0
        self.mean = torch.zeros(features, dtype=torch.float64, device=like.device)
        self.covariance = torch.zeros(features, features, dtype=torch.float64, device=like.device)
        self.target = torch.zeros(targets, dtype=torch.float64, device=like.device)
        self.cross = torch.zeros(features, targets, dtype=torch.float64, device=like.device)

    def add(self, x: Tensor, y: Tensor) -> None:
        self.count += len(x)
        self.mean += x.sum(0)
        self.target += y.sum(0)
        self.covariance += x.T @ x
        self.cross += x.T @ y

    def regression(self, penalty: float) -> Tensor:
        """Weights (F, D) that map centred features to centred targets."""
        mean, target = self.mean / self.count, self.target / self.count
        covariance = self._covariance()
        ridge = penalty * covariance.diagonal().mean() * torch.eye(len(mean), dtype=mean.dtype, device=mean.device)
        weights: Tensor = torch.linalg.solve(covariance + ridge, self.cross / self.count - torch.outer(mean, target))
        return weights

    def outputs(self, layer: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (D,) of the outputs of weights (F, D)."""
        return self.mean / self.count @ layer, ((self._covariance() @ layer) * layer).sum(0)

    def _covariance(self) -> Tensor:
        mean = self.mean / self.count
        return self.covariance / self.count - torch.outer(mean, mean)


def _replace(backbone: Edge, layer: Tensor, moments: _Moments) -> None:
    """Take `layer` (F, D) as the embedding layer; the batch norm subtracts its mean output and keeps its scale."""
    norm = backbone.norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    mean, variance = moments.outputs(layer)
    backbone.embedding.weight.copy_(layer.T)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_((variance + norm.eps).sqrt())
    norm.bias.zero_()
