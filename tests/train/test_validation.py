"""Validation scores: unknown labels are not counted, and a large set is sampled."""

import numpy as np
import pytest
import torch

from facedge.train import validation
from facedge.train.architectures import Plain
from facedge.train.data import Samples


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


@pytest.mark.parametrize(("unknown", "expected"), [(0, 0.5), (3, 0.6), (8, 0.0)])
def test_attributes_that_nobody_labelled_do_not_count(unknown: int, expected: float) -> None:
    """Everything is predicted present; of 8 labels the odd ones say so."""
    backbone = Plain(32, 1).eval()
    with torch.no_grad():
        backbone.attributes.weight.zero_()
        backbone.attributes.bias.fill_(1)
    labels = (torch.arange(8) % 2).to(torch.uint8)[:, None]
    labels[:unknown] = 255
    samples = Samples(torch.zeros(8, 48, 48, dtype=torch.uint8), labels, torch.arange(8) % 2, None)
    assert validation.evaluate(backbone, samples, 32).attribute_accuracy == pytest.approx(expected)
