"""Accuracy on listed pairs at a threshold that was chosen on other pairs."""

import numpy as np
import pytest

from facedge.errors import InputError
from facedge.metrics.comparisons import Comparisons
from facedge.metrics.pair_accuracy import best_threshold, kfold_accuracy, transferred_accuracy


def pairs(genuine: list[float], impostor: list[float]) -> Comparisons:
    """Each genuine pair of a person of its own, each impostor pair of two."""
    g, i = len(genuine), len(impostor)
    left = np.concatenate((np.arange(g), np.arange(i))).astype(np.int32)
    right = np.concatenate((np.arange(g), np.arange(i) + 1)).astype(np.int32)
    return Comparisons(np.array(genuine + impostor), left, right)


def test_the_best_threshold_lies_in_the_middle_of_the_gap() -> None:
    assert best_threshold(pairs([3.0, 4.0], [0.0, 1.0])) == 2.0
    # One impostor at 5 cannot be helped without losing more.
    assert best_threshold(pairs([3.0, 4.0, 4.5], [0.0, 1.0, 5.0])) == 2.0


def test_the_threshold_of_one_list_is_applied_to_the_other() -> None:
    found = transferred_accuracy(pairs([3.0, 4.0], [0.0, 1.0]), pairs([1.5, 2.5, 9.0, 9.0], [0.0, 0.0, 0.0, 2.0]))
    assert found.threshold == 2.0
    assert found.accuracy == 6 / 8  # genuine 1.5 is below, impostor 2.0 is at it
    assert (found.genuine, found.impostor) == (4, 4)
    assert found.low95 <= found.accuracy <= found.high95


def test_a_perfect_list_has_no_width() -> None:
    found = transferred_accuracy(pairs([3.0], [0.0]), pairs([3.0, 4.0], [0.0, 1.0]))
    assert (found.accuracy, found.low95, found.high95) == (1.0, 1.0, 1.0)


def test_each_fold_is_judged_at_the_threshold_of_the_others() -> None:
    rng = np.random.default_rng(0)
    drawn = pairs(rng.normal(2, 1, 300).tolist(), rng.normal(0, 1, 300).tolist())
    folds = np.tile(np.arange(10), 60)
    mean, each = kfold_accuracy(drawn, folds)
    assert len(each) == 10
    assert mean.accuracy == pytest.approx(each.mean())
    assert mean.low95 < 0.841 < mean.high95  # Phi(1), the best there is for two normals two apart
    others = drawn.where(folds != 3)
    mine = drawn.where(folds == 3)
    assert each[3] == np.mean((mine.scores >= best_threshold(others)) == mine.genuine)


def test_one_fold_is_no_cross_validation() -> None:
    with pytest.raises(InputError, match="two folds"):
        kfold_accuracy(pairs([1.0], [0.0]), [0, 0])
