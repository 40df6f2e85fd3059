"""Validation scores: a large set is sampled."""

import numpy as np
import pytest

from facedge.train import validation


def test_of_a_large_validation_set_some_images_of_every_identity_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    classes = np.repeat(np.arange(-1, 39), 10)  # ten images of unknown identity
    x = (np.eye(40)[classes] + 0.25 * rng.normal(size=(400, 40))).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    every = validation.tar_at_far(x, classes)
    monkeypatch.setattr(validation, "MOST_IMAGES", 160)
    some = validation.tar_at_far(x, classes)
    assert every is not None and some is not None
    assert some == pytest.approx(every, abs=0.1)
    assert some == validation.tar_at_far(x, classes)
