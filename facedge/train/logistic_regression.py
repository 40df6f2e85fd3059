"""One logistic regression an attribute on the features of a network that is not trained further, all fitted at once.

The features of stages of a network show what its last layer was not taught (G. Alain and Y. Bengio, "Understanding
intermediate layers using linear classifier probes", 2016; hypercolumns: B. Hariharan et al., CVPR 2015).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# On weights of features of variance 1. From each the next goes on (a regularisation path: Friedman et al. 2010).
PENALTIES = (0.4, 0.2, 0.1, 0.05, 0.025)
STEPS = 40  # of L-BFGS (Liu and Nocedal 1989) for each penalty
LEAST_SPREAD = 0.02  # standard deviation of a feature, as a share of its largest deviation from the mean


class Examples(NamedTuple):
    """Features (N, F) float32, labels (N, A), 0 or 1 or above where they are not known, and weights (N, 1)."""

    features: Tensor
    labels: Tensor
    weights: Tensor

    @classmethod
    def of(cls, features: Tensor, labels: Tensor) -> "Examples":
        """All of the same weight."""
        return cls(features, labels.float(), torch.ones(len(features), 1, device=features.device))


class Logistic(NamedTuple):
    """Logits of A attributes = features @ weight.T + bias, (A, F) and (A,); the penalty they were fitted with."""

    weight: Tensor
    bias: Tensor
    penalty: float


@torch.no_grad()
def fit_logistic(examples: Examples, validation: Examples) -> Logistic:
    """The regression whose L2 penalty has the least cross-entropy on validation. Changes both features."""
    mean, spread = _mean_and_spread(examples.features)
    for features in (examples.features, validation.features):
        features.sub_(mean).div_(spread)
    attributes = examples.labels.shape[1]
    weight, bias = mean.new_zeros(attributes, len(mean)), mean.new_zeros(attributes)
    found = []
    for penalty in PENALTIES:
        weight, bias = _regression(examples, penalty, weight, bias)
        found.append((float(_cross_entropy(validation, weight, bias)), Logistic(weight, bias, penalty)))
    _, best = min(found, key=lambda fit: fit[0])
    weight = best.weight / spread
    return Logistic(weight, best.bias - weight @ mean, best.penalty)


def _mean_and_spread(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (F,) of each feature by itself, as embedding and maps are of different scales.

    Of one that few images have, the deviation is taken larger, and of one that never changes as 1.
    """
    mean, spread = features.mean(0), features.std(0, correction=0)
    furthest = torch.maximum(features.amax(0) - mean, mean - features.amin(0))
    return mean, torch.where(spread > 0, torch.maximum(spread, LEAST_SPREAD * furthest), 1)


def _regression(examples: Examples, penalty: float, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (A, F) and biases (A,), from those given on."""
    weight, bias = (tensor.clone().requires_grad_() for tensor in (weight, bias))
    solver = torch.optim.LBFGS([weight, bias], max_iter=STEPS, history_size=8, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        total = _cross_entropy(examples, weight, bias) + penalty * weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    with torch.enable_grad():
        solver.step(loss)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()


def _cross_entropy(examples: Examples, weight: Tensor, bias: Tensor) -> Tensor:
    """Summed over the attributes, each the weighted mean over the images of which it is known."""
    features, labels, weights = examples
    known = (labels <= 1) * weights
    logits = features @ weight.T + bias
    each = F.binary_cross_entropy_with_logits(logits, labels.clamp(max=1), weight=known, reduction="none")
    return (each.sum(0) / known.sum(0).clamp(min=1)).sum()
