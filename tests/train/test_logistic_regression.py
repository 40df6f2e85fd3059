"""Logistic regression: what is linear in the features is found, and an attribute with one value only is defined."""

import pytest

pytest.importorskip("torch")
import torch
from torch import Tensor

from facedge.train.logistic_regression import PENALTIES, Examples, Logistic, fit_logistic

GENERATOR = torch.Generator().manual_seed(0)
FEATURES = torch.randn(900, 24, generator=GENERATOR) * 0.2 + 0.5
LABELS = ((FEATURES - 0.5) @ torch.randn(24, 5, generator=GENERATOR) > 0).to(torch.uint8)
NOISE = (torch.rand(900, 5, generator=GENERATOR) < 0.2).to(torch.uint8)


def fitted(labels: Tensor, judged: Tensor | None = None, count: int = 600, features: Tensor = FEATURES) -> Logistic:
    """On the first `count` images; the penalty is chosen on the last 300, of labels `judged`."""
    judged = labels if judged is None else judged
    train = Examples.of(features[:count].clone(), labels[:count])
    return fit_logistic(train, Examples.of(features[600:].clone(), judged[600:]))


def logits(found: Logistic, features: Tensor = FEATURES) -> Tensor:
    return features @ found.weight.T + found.bias


def test_it_predicts_labels_that_are_linear_in_the_features() -> None:
    found = fitted(LABELS)
    assert found.weight.dtype == found.bias.dtype == torch.float32
    assert (found.weight.shape, found.bias.shape) == ((5, 24), (5,))
    assert found.penalty == min(PENALTIES)
    assert ((logits(found)[600:] > 0) == LABELS[600:].bool()).float().mean() > 0.95


def test_labels_without_a_pattern_give_their_frequency() -> None:
    found = fitted(NOISE)
    probability = torch.sigmoid(logits(found)[600:])
    assert found.penalty == max(PENALTIES)
    assert (probability.mean(0) - NOISE.float().mean(0)).abs().max() < 0.05 and probability.std() < 0.05


def test_an_attribute_that_nobody_has_is_never_predicted() -> None:
    labels = torch.zeros(900, 2, dtype=torch.uint8)
    labels[:, 1] = 1
    found = fitted(labels)
    predicted = logits(found)[600:] > 0
    assert found.weight.isfinite().all() and not predicted[:, 0].any() and predicted[:, 1].all()


def test_the_same_input_gives_the_same_regression() -> None:
    one, two = fitted(LABELS), fitted(LABELS)
    assert torch.equal(one.weight, two.weight) and torch.equal(one.bias, two.bias)


def test_few_images_give_no_endless_weights() -> None:
    """A dozen images of 24 numbers are told apart perfectly by larger and larger weights."""
    assert logits(fitted(LABELS, count=12)).abs().max() < 20


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_scale_of_the_features_makes_no_difference(scale: float) -> None:
    one, other = fitted(LABELS), fitted(LABELS, features=FEATURES * scale)
    assert one.penalty == other.penalty
    assert torch.allclose(logits(one), logits(other, FEATURES * scale), atol=0.05)


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_features_of_another_scale_beside_them_make_no_difference(scale: float) -> None:
    """As feature maps have beside an embedding of length 1."""
    noise = torch.randn(900, 200, generator=torch.Generator().manual_seed(1))
    one, other = torch.cat([FEATURES, noise], 1), torch.cat([FEATURES, noise * scale], 1)
    found = fitted(LABELS, features=one), fitted(LABELS, features=other)
    assert torch.allclose(logits(found[0], one), logits(found[1], other), atol=0.05)
    assert ((logits(found[1], other)[600:] > 0) == LABELS[600:].bool()).float().mean() > 0.85


def test_features_that_never_change_have_no_weight() -> None:
    features = FEATURES.clone()
    features[:, :3] = 7
    found = fitted(LABELS, features=features)
    assert found.weight.isfinite().all() and not found.weight[:, :3].any()


def test_unknown_labels_and_weightless_images_take_no_part() -> None:
    wrong = Examples(
        torch.cat([FEATURES[:600], FEATURES[:600]]),
        torch.cat([LABELS[:600], 1 - LABELS[:600]]).float(),
        torch.cat([torch.ones(600, 1), torch.zeros(600, 1)]),
    )
    unknown = LABELS.clone()
    unknown[:100, 0] = 255
    weightless = fit_logistic(wrong, Examples.of(FEATURES[600:].clone(), LABELS[600:]))
    for found in (weightless, fitted(unknown)):
        assert ((logits(found)[600:] > 0) == LABELS[600:].bool()).float().mean() > 0.95
