"""The linear probe: it finds what is linear in the embedding, and is defined where an attribute has one value only."""

import numpy as np
import pytest

pytest.importorskip("torch")
from facedge.export.attribute_probe import fit_probe

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(900, 24))
EMBEDDINGS = (POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)).astype(np.float32)
TRUTH = RNG.normal(size=(5, 24))
LABELS = (EMBEDDINGS @ TRUTH.T > 0).astype(np.uint8)


def test_it_predicts_labels_that_are_linear_in_the_embedding() -> None:
    probe = fit_probe(EMBEDDINGS[:600], LABELS[:600])
    assert probe.weights.dtype == probe.bias.dtype == np.float32
    assert (probe.weights.shape, probe.bias.shape) == ((5, 24), (5,))
    predicted = EMBEDDINGS[600:] @ probe.weights.T + probe.bias > 0
    assert (predicted == LABELS[600:]).mean() > 0.95


def test_labels_without_a_pattern_give_their_frequency() -> None:
    labels = (RNG.random((600, 1)) < 0.2).astype(np.uint8)
    probe = fit_probe(EMBEDDINGS[:600], labels, penalty=6000.0)
    probability = 1 / (1 + np.exp(-(EMBEDDINGS[600:] @ probe.weights.T + probe.bias)))
    assert abs(probability.mean() - labels.mean()) < 0.01 and probability.std() < 0.02


def test_an_attribute_that_nobody_has_is_never_predicted() -> None:
    labels = np.zeros((600, 2), np.uint8)
    labels[:, 1] = 1
    probe = fit_probe(EMBEDDINGS[:600], labels)
    predicted = EMBEDDINGS[600:] @ probe.weights.T + probe.bias > 0
    assert np.isfinite(probe.weights).all() and not predicted[:, 0].any() and predicted[:, 1].all()


def test_the_same_input_gives_the_same_probe() -> None:
    one, two = fit_probe(EMBEDDINGS, LABELS), fit_probe(EMBEDDINGS, LABELS)
    assert np.array_equal(one.weights, two.weights) and np.array_equal(one.bias, two.bias)


def test_few_images_give_no_endless_weights() -> None:
    """A dozen images of 24 numbers are told apart perfectly by larger and larger weights."""
    probe = fit_probe(EMBEDDINGS[:12], LABELS[:12])
    assert np.abs(EMBEDDINGS @ probe.weights.T + probe.bias).max() < 20
