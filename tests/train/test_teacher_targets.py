"""Targets of the embedding's length from a teacher's embeddings."""

import numpy as np

from facedge.train.teacher_targets import Targets, with_targets
from facedge.train.views import Taught, Views
from facedge.types import Float32Array


def embeddings(count: int, length: int, dimensions: int, seed: int = 0) -> Float32Array:
    """L2-normalised, in few dimensions around a mean far from 0, as those of recognisers are."""
    draw = np.random.default_rng(seed)
    axes = np.linalg.qr(draw.normal(size=(length, dimensions)))[0]
    x = draw.normal(size=(count, dimensions)) @ axes.T + 2 * axes[:, 0]
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)


def targets(embedded: Float32Array, size: int) -> Float32Array:
    return Targets.of(embedded, size)(embedded)


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
    taught = with_targets(Taught(embedded, (view,)), Targets.of(embedded, 6))
    assert taught.embeddings is not None
    np.testing.assert_array_equal(taught.views[0].teacher, taught.embeddings[::-1])


def test_without_a_teacher_there_are_no_targets() -> None:
    some = embeddings(20, 5, 5)
    assert with_targets(Taught(None), Targets.of(some, 8)).embeddings is None


def test_free_numbers_are_0_and_the_others_as_without() -> None:
    embedded = embeddings(30, 16, 5)
    reduced = Targets.of(embedded, 9, free=3)(embedded)
    np.testing.assert_allclose(reduced, np.pad(targets(embedded, 6), ((0, 0), (0, 3))), atol=1e-6)
    assert (reduced[:, 6:] == 0).all()
