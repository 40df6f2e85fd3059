"""Which threshold decides, and on what evidence."""

import pytest

pytest.importorskip("onnx")

from tiny_bundle import manifest

from facedge.errors import BundleError, InputError
from facedge.runtime.decision import FarEvidence, Threshold, choose_threshold


def test_the_bundle_decides_by_itself() -> None:
    assert choose_threshold(manifest()) == Threshold(0.5, FarEvidence(0.01, 0.02))
    assert choose_threshold(manifest(calibration=None)) == Threshold(0.5, FarEvidence())


def test_a_threshold_of_ones_own_has_no_evidence() -> None:
    assert choose_threshold(manifest(), threshold=0.7) == Threshold(0.7, FarEvidence())


@pytest.mark.parametrize(
    ("far", "expected"),
    [
        (0.5, Threshold(0.3, FarEvidence(0.1, 0.12))),
        (0.1, Threshold(0.3, FarEvidence(0.1, 0.12))),
        (0.05, Threshold(0.5, FarEvidence(0.01, 0.02))),
        (0.01, Threshold(0.5, FarEvidence(0.01, 0.02))),
        (0.004, Threshold(0.9, FarEvidence(0.003, 0.006))),
    ],
)
def test_a_far_takes_the_loosest_point_that_keeps_it(far: float, expected: Threshold) -> None:
    assert choose_threshold(manifest(), far=far) == expected


def test_a_far_that_the_impostors_do_not_support_is_refused_with_the_lowest_that_they_do() -> None:
    with pytest.raises(
        InputError, match=r"1,000 impostor identities .* FAR of 0\.003 and no less: ask for 0\.003 or more"
    ):
        choose_threshold(manifest(), far=1e-4)


def test_each_face_of_a_picture_has_its_chance_of_a_false_accept() -> None:
    assert FarEvidence(0.001, 0.002).of_faces(1) == FarEvidence(pytest.approx(0.001), pytest.approx(0.002))
    three = FarEvidence(0.001, 0.002).of_faces(3)
    assert three.target == pytest.approx(0.002997, abs=1e-7)
    assert three.upper95 is not None
    assert 0.002 < three.upper95 < 3 * 0.002
    assert FarEvidence().of_faces(5) == FarEvidence()


@pytest.mark.parametrize("far", [0.0, 1.0, -1.0, 2.0, float("nan")])
def test_what_is_no_rate_is_refused(far: float) -> None:
    with pytest.raises(InputError, match="far: expected a rate between 0 and 1"):
        choose_threshold(manifest(), far=far)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_what_is_no_score_is_refused(threshold: float) -> None:
    with pytest.raises(InputError, match="threshold: expected a score from 0 to 1"):
        choose_threshold(manifest(), threshold=threshold)


def test_not_both() -> None:
    with pytest.raises(InputError, match="not both"):
        choose_threshold(manifest(), threshold=0.5, far=0.1)


def test_no_far_without_evidence() -> None:
    with pytest.raises(BundleError, match="set by hand"):
        choose_threshold(manifest(calibration=None), far=0.1)
