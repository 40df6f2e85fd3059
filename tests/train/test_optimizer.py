"""The learning-rate schedules, the moving average of the weights, and the optimiser's state on resuming."""

import itertools

import pytest
import torch

from facedge.train.architectures import build
from facedge.train.config import Recipe
from facedge.train.optimizer import MovingAverage, learning_rate


def test_the_moving_average_starts_close_to_the_weights() -> None:
    module = build("plain", 32, 4)
    average = MovingAverage(module, 0.999)
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(1.0)
    for _ in range(30):
        average.update(module)
    for mine, theirs in zip(average.module.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=0.01, rtol=0)


def test_the_cosine_warms_up_and_falls_to_a_hundredth() -> None:
    recipe = Recipe(learning_rate=1.0, warmup=0.1, schedule="cosine")
    rates = [learning_rate(step, 100, recipe) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] < 0.012
    assert rates.index(max(rates)) in (9, 10)


def test_the_stable_schedule_stays_at_its_peak_until_the_last_fifth() -> None:
    recipe = Recipe(learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(step, 100, recipe) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10:81] == [1.0] * 71
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[80:]))
    assert rates[-1] < 0.04
    assert learning_rate(99, 100, Recipe(learning_rate=1.0, schedule="constant")) == 1.0


def test_the_moving_average_copies_statistics() -> None:
    module = build("edge", 32, 4)
    average = MovingAverage(module, 0.9)
    module(torch.randn(8, 1, 32, 32))
    average.update(module)
    for mine, theirs in zip(average.module.buffers(), module.buffers(), strict=True):
        assert torch.equal(mine, theirs)
