"""The TAR at a FAR and the EER, with intervals that follow from resampling people."""

import numpy as np
import pytest
from drawn_scores import draw_people

from facedge.metrics.comparisons import Comparisons
from facedge.metrics.intervals import Bootstrap
from facedge.metrics.verification import eer_interval, error_curve, resampled_tars, tar_at_far, true_accept_rate


def test_tar_at_far_agrees_with_the_threshold_it_reports() -> None:
    drawn = draw_people(np.random.default_rng(6), people=60, photos=4)
    found = tar_at_far(drawn, 0.01, Bootstrap(200))
    genuine, impostor = drawn.split()
    assert found.tar == np.mean(genuine.scores >= found.threshold.threshold)
    assert np.mean(impostor.scores >= found.threshold.threshold) <= 0.01
    assert 0 < found.low95 < found.tar < found.high95 < 1


def test_replicates_choose_their_threshold_as_a_plain_loop_does() -> None:
    """The bootstrap against one that copies every comparison as often as it was drawn."""
    drawn = draw_people(np.random.default_rng(7), people=12, photos=3)
    drawn = Comparisons(np.round(drawn.scores), drawn.left, drawn.right)  # many ties
    genuine, impostor = drawn.split()
    fast = resampled_tars(drawn, 0.05, Bootstrap(50, seed=3))
    for weight, tar in zip(Bootstrap(50, seed=3).draw(12).astype(int), fast, strict=True):
        copies = np.repeat(impostor.scores, weight[impostor.left] * weight[impostor.right])
        allowed = int(np.floor(0.05 * len(copies) + 1e-9))
        limit = np.sort(copies)[::-1][allowed]
        mine = np.repeat(genuine.scores, weight[genuine.left])
        assert tar == pytest.approx(np.mean(mine > limit))


def test_tar_at_far_works_where_everything_is_accepted_or_tied() -> None:
    left, right = np.triu_indices(30, k=1)
    impostors = Comparisons(np.zeros(len(left)), left.astype(np.int32), right.astype(np.int32))
    same = np.arange(30, dtype=np.int32)
    both = Comparisons(
        np.concatenate((impostors.scores, np.zeros(30))),
        np.concatenate((impostors.left, same)),
        np.concatenate((impostors.right, same)),
    )
    found = tar_at_far(both, 0.01, Bootstrap(50))  # every score ties: nothing is accepted
    assert (found.tar, found.low95, found.high95, found.threshold.estimate.far) == (0, 0, 0, 0)


def test_eer_interval_contains_the_exact_eer() -> None:
    drawn = draw_people(np.random.default_rng(8), people=50, photos=4)
    found = eer_interval(drawn, Bootstrap(200))
    assert found.low95 < found.eer < found.high95
    narrow = eer_interval(draw_people(np.random.default_rng(8), people=200, photos=4), Bootstrap(200))
    assert narrow.high95 - narrow.low95 < found.high95 - found.low95


def test_the_same_seed_gives_the_same_interval() -> None:
    drawn = draw_people(np.random.default_rng(9), people=30, photos=3)
    assert tar_at_far(drawn, 0.05, Bootstrap(50, seed=4)) == tar_at_far(drawn, 0.05, Bootstrap(50, seed=4))
    assert eer_interval(drawn, Bootstrap(50, seed=4)) == eer_interval(drawn, Bootstrap(50, seed=4))


@pytest.mark.parametrize("far", [0.3, 0.01, 1e-4])
def test_the_true_accept_rate_is_that_of_the_error_curve(far: float) -> None:
    genuine, impostor = draw_people(np.random.default_rng(10), people=20, photos=3).split()
    rounded = np.round(genuine.scores, 1), np.round(impostor.scores, 1)
    curve = error_curve(*rounded)
    expected = curve.tar[np.argmax(curve.far <= far)]
    assert true_accept_rate(*rounded, far) == pytest.approx(expected, abs=1e-12)
