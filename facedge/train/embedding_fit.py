"""The embedding layer, fitted in closed form after training: to the teacher's targets, and to camera conditions.

Trained by gradient descent, the embedding layer fits the training images better than others. Ridge regression (Hoerl
and Kennard 1970) on the features before it, with a penalty chosen on the validation people, generalises better.

The teacher's targets leave the last CONDITION_NUMBERS of the embedding free. Each is fitted to show one condition of
facedge/dataset/conditions.py: dark glasses, a squeezed picture, light from behind. They are too small to move a cosine
of two people by more than some hundredths, and let an enrollment under a condition be told from ordinary ones: see
facedge/enrollment/conditions.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from facedge.dataset.conditions import CONDITIONS, under_condition
from facedge.dataset.prepared import Faces
from facedge.preprocessing import PreprocessSpec, preprocess
from facedge.train.architectures import Edge
from facedge.train.augment import centre_crop
from facedge.train.data import Samples
from facedge.train.initial_weights import take_statistics
from facedge.train.validation import Scores
from facedge.types import Track, UInt8Array, untracked

# Of the ridge regression, in units of the features' mean variance; the first where no validation people tell.
PENALTIES = (0.1, 0.01, 0.03, 0.3, 1.0, 3.0, 10.0)
IMAGES = 50_000  # for one fit to targets

CONDITION_NUMBERS = len(CONDITIONS)
CONDITION_IMAGES = 2_000  # shown under each condition; with 1,000 as many enrollments are told apart
FEWEST_FOR_CONDITIONS = 500  # images: below, the numbers would show these images and not their condition
CONDITION_PENALTY = 0.1
# The number of an image that shows its condition as clearly as it can, where the part that tells people apart has a
# length of about 0.7: with 0.1 to 0.3 TAR stays, and conditions are told apart as well.
CONDITION_LEVEL = 0.2
BATCH = 256


def inputs_and_targets(samples: Samples, faces: int, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Network inputs as at inference with their targets, of a random choice of the first `faces` samples.

    Those are of the data set that the validation images are of. With the faces of `--more` as well TAR was lower, and
    no higher on LFW.
    """
    assert samples.teacher is not None
    order = torch.randperm(faces, generator=torch.Generator().manual_seed(seed))[:IMAGES]
    for rows in torch.split(order.to(samples.patches.device), BATCH):
        yield centre_crop(samples.patches[rows], size), samples.teacher[rows]


def fitted_sentence(name: str, penalty: float, scores: Scores) -> str:
    """What a fit came to, in one line."""
    tar = scores.tar or 0.0
    return f"{name} fitted to the teacher (ridge penalty {penalty:g}): validation TAR at FAR 1e-3 {tar:.3f}"


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
    moments = _moments(backbone, batches, backbone.embedding.out_features)
    layers = {penalty: _regression(moments, penalty) for penalty in PENALTIES}
    scores = {}
    for penalty, layer in layers.items():
        _replace(backbone, layer, moments)
        scores[penalty] = evaluate()
    best = max(scores, key=lambda penalty: scores[penalty].overall)
    _replace(backbone, layers[best], moments)
    backbone.train(was_training)
    return best, scores[best]


@torch.no_grad()
def fit_condition_numbers(
    backbone: Edge, faces: Faces, spec: PreprocessSpec, *, seed: int = 0, track: Track = untracked
) -> bool:
    """Replace the last CONDITION_NUMBERS of the embedding by numbers that show the conditions of CONDITIONS, in order.

    Fitted to training images of `faces` under each condition and as they are; False, and nothing changed, where these
    are fewer than FEWEST_FOR_CONDITIONS.
    """
    rows = faces.indices("train")
    if len(rows) < FEWEST_FOR_CONDITIONS:
        return False
    chosen = np.sort(np.random.default_rng(seed).permutation(rows)[:CONDITION_IMAGES])
    crops = np.asarray(faces.images[chosen])
    was_training = backbone.training
    backbone.eval()
    moments = _moments(backbone, _shown(crops, spec, track, backbone.embedding.weight.device), CONDITION_NUMBERS)
    _replace(backbone, CONDITION_LEVEL * _regression(moments, CONDITION_PENALTY), moments)
    backbone.train(was_training)
    return True


def _shown(
    crops: UInt8Array, spec: PreprocessSpec, track: Track, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Network inputs of aligned crops as they are and under each condition, with 1 in the column of that condition."""
    none = torch.zeros(CONDITION_NUMBERS)
    for number, name in enumerate(track(["", *CONDITIONS], "conditions")):
        shown = list(crops) if not name else under_condition(crops, name)[0]
        target = none if not name else torch.eye(CONDITION_NUMBERS)[number - 1]
        for start in range(0, len(shown), BATCH):
            image = torch.from_numpy(preprocess(np.stack(shown[start : start + BATCH]), spec))
            yield image.to(device), target.expand(len(image), -1).to(device)


@dataclass(frozen=True)
class _Moments:
    """Of features (N, F) and targets (N, D) of samples, in float64: mean and covariance, and that of both."""

    mean: Tensor  # (F,)
    covariance: Tensor  # (F, F)
    cross: Tensor  # (F, D)


def _moments(backbone: Edge, batches: Iterator[tuple[Tensor, Tensor]], targets: int) -> _Moments:
    embedding, count = backbone.embedding, 0
    zeros = partial(torch.zeros, dtype=torch.float64, device=embedding.weight.device)
    mean, target = zeros(embedding.in_features), zeros(targets)
    products, cross = zeros(len(mean), len(mean)), zeros(len(mean), targets)
    for image, y in batches:
        image, y = image.to(mean.device), y.to(mean.device)
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
    """Take `layer` (F, D) as the embedding layer, or as its last rows; batch norm subtracts its mean output there."""
    last = slice(backbone.embedding.out_features - layer.shape[1], None)
    backbone.embedding.weight[last] = layer.T.to(backbone.embedding.weight)
    variance = ((moments.covariance @ layer) * layer).sum(0)
    take_statistics(backbone.norm, moments.mean @ layer, variance, last)
    backbone.norm.bias[last] = 0
