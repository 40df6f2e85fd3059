"""Attribute figures worked out on small examples, and the expected calibration error of probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from facedge.errors import InputError
from facedge.metrics.attributes import attribute_metrics, expected_calibration_error, majority_guess


def test_figures_of_one_attribute() -> None:
    # present: 0.9 0.4; absent: 0.6 0.1 0.2 0.3 -> TP 1, FN 1, FP 1, TN 3
    p = np.array([[0.9], [0.4], [0.6], [0.1], [0.2], [0.3]])
    y = np.array([[1], [1], [0], [0], [0], [0]])
    found = attribute_metrics(p, y, names=("Smiling",))
    assert found.accuracy[0] == pytest.approx(4 / 6)
    assert found.majority_accuracy[0] == pytest.approx(4 / 6)
    assert found.balanced_accuracy[0] == pytest.approx((1 / 2 + 3 / 4) / 2)
    assert found.f1[0] == pytest.approx(2 / 4)
    assert found.auc[0] == pytest.approx(7 / 8)
    assert found.rows()[0]["positives"] == 2


def test_majority_of_the_train_partition_may_be_the_minority_here() -> None:
    y = np.array([[1], [1], [1], [0]])
    given = attribute_metrics(np.full((4, 1), 0.9), y, majority=[0])
    assert given.majority_accuracy[0] == 0.25
    assert attribute_metrics(np.full((4, 1), 0.9), y).majority_accuracy[0] == 0.75


def test_the_majority_guess_scores_its_accuracy_and_nothing_more() -> None:
    y = (np.random.default_rng(0).random((500, 5)) < [0.1, 0.3, 0.5, 0.7, 0.9]).astype(int)
    guess = majority_guess(y)
    found = attribute_metrics(np.tile(guess, (500, 1)), y)
    np.testing.assert_array_equal(found.accuracy, found.majority_accuracy)
    np.testing.assert_allclose(found.balanced_accuracy, 0.5)
    np.testing.assert_allclose(found.auc, 0.5)
    assert (found.f1[guess == 0] == 0).all()


def test_a_missing_class_has_no_figure_and_is_left_out_of_the_mean() -> None:
    found = attribute_metrics([[0.1, 0.9], [0.2, 0.1]], [[0, 1], [0, 0]])
    assert np.isnan(found.balanced_accuracy[0])
    assert np.isnan(found.f1[0])
    assert found.mean("balanced_accuracy") == 1.0
    assert found.rows()[0]["auc"] is None


@pytest.mark.parametrize(
    ("p", "y", "message"),
    [
        ([[2.5]], [[1]], "sigmoid"),
        ([[0.5]], [[-1]], "0 or 1"),
        ([[0.5, 0.5]], [[1]], "one shape"),
        ([[np.nan]], [[1]], "0..1"),
        (np.zeros((0, 40)), np.zeros((0, 40)), "non-empty"),
    ],
)
def test_invalid_probabilities_and_labels_are_refused(p: object, y: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        attribute_metrics(p, y)  # type: ignore[arg-type]


def test_names_and_guesses_must_fit() -> None:
    with pytest.raises(InputError, match="1 attributes came with 2 guesses"):
        attribute_metrics([[0.5]], [[1]], majority=[0, 1])


def test_calibration_error_of_two_bins() -> None:
    # Two bins of ten: 0.2 predicted twice, true once (gap 0.3); 0.9 predicted twice, always true (gap 0.1): mean 0.2.
    assert expected_calibration_error([0.2, 0.2, 0.9, 0.9], [0, 1, 1, 1], bins=10) == pytest.approx(0.2)


def test_true_probabilities_are_calibrated_and_overconfident_ones_are_not() -> None:
    rng = np.random.default_rng(1)
    p = rng.random(50_000)
    y = rng.random(50_000) < p
    assert expected_calibration_error(p, y) < 0.01
    assert expected_calibration_error(np.where(p > 0.5, 0.99, 0.01), y) > 0.2


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 1)), st.data())
def test_calibration_errors_stay_in_their_range(p: np.ndarray, data: st.DataObject) -> None:
    y = data.draw(hnp.arrays(np.int64, len(p), elements=st.integers(0, 1)))
    assert 0 <= expected_calibration_error(p, y) <= 1
    assert expected_calibration_error(y.astype(float), y) == 0
