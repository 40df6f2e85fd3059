"""Photos that show one condition raise the threshold, so that the FAR holds among people under it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facedge.bundle.calibration_table import CalibrationTable, Condition, ConditionRow, TablePoint, TableRow
from facedge.dataset.degradations import dark_glasses, masked
from facedge.enrollment.calibration import Logistic, template
from facedge.enrollment.capture import check_photo
from facedge.enrollment.compare import compare
from facedge.enrollment.conditions import discriminant, raise_thresholds, shown_conditions
from facedge.enrollment.enroll import Enrollment, enroll_checked, open_base
from facedge.enrollment.operating_points import Calibrated, Point
from facedge.errors import InputError
from facedge.faces.crop import find_crop
from facedge.imaging import load_rgb
from facedge.types import Float32Array, UInt8Array

SIZE, FAR = 32, 0.001
COMMON = np.eye(SIZE)[0]  # what people under the condition share


def row(images: int = 1, limit: float = 0.3) -> ConditionRow:
    return ConditionRow(images, limit, (0.4, 0.35), (0.6, 0.5))


TABLE = CalibrationTable(
    100,
    4950,
    (TableRow(1, 20.0, -9.0, 0.01, (TablePoint(FAR, 0.5, 0.0, 0.002, 0.1), TablePoint(0.01, 0.4, 0.0, 0.02, 0.05))),),
    (Condition("dark glasses", tuple(0.6 * COMMON), tuple(COMMON), (row(),)),),
)
POINTS = (Point(0.5, FAR, 0.0, 0.002, 0.1), Point(0.4, 0.01, 0.0, 0.02, 0.05))
CALIBRATED = Calibrated(Logistic(20.0, -9.0), POINTS[0], POINTS, 100, 4950, 0.01)


def people(count: int, shared: float, seed: int) -> Float32Array:
    """Embeddings of different people who share so much of COMMON, float32 (count, SIZE)."""
    x = np.random.default_rng(seed).normal(size=(count, SIZE)) / np.sqrt(SIZE) + shared * COMMON
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


def test_only_an_enrollment_beyond_the_limit_shows_the_condition() -> None:
    covered, ordinary = people(3, 1.0, 0), people(3, 0.0, 0)
    (shown,) = shown_conditions(TABLE, covered, template(covered))
    cosine = float(template(covered).score(0.6 * COMMON[None])[0])
    assert shown.name == "dark glasses"
    assert shown.at(FAR) == pytest.approx((cosine + 0.4, 0.6))
    assert shown.at(0.01) == shown.at(0.5) == pytest.approx((cosine + 0.35, 0.5))
    with pytest.raises(InputError, match=r"show dark glasses.*at a FAR of 0.001 %: ask for --far 0.1% or"):
        shown.at(1e-5)
    assert shown_conditions(TABLE, ordinary, template(ordinary)) == []
    assert shown_conditions(replace(TABLE, conditions=()), covered, template(covered)) == []


def test_every_point_is_raised_and_none_is_lowered() -> None:
    covered = people(3, 1.0, 0)
    shown = shown_conditions(TABLE, covered, template(covered))
    found, name = raise_thresholds(CALIBRATED, shown)
    assert name == "dark glasses"
    assert (found.chosen.cosine, found.chosen.frr) == shown[0].at(FAR)
    assert (found.chosen.low95, found.chosen.high95) == (0.0, 0.002)
    assert [point.cosine for point in found.points] == [shown[0].at(FAR)[0], shown[0].at(0.01)[0]]
    assert found.threshold > CALIBRATED.threshold
    high = replace(CALIBRATED, chosen=replace(POINTS[0], cosine=0.99), points=())
    assert raise_thresholds(high, shown) == (high, "")
    assert raise_thresholds(CALIBRATED, []) == (CALIBRATED, "")


def test_a_lower_far_than_the_table_holds_has_no_threshold_under_a_condition() -> None:
    covered = people(3, 1.0, 0)
    shown = shown_conditions(TABLE, covered, template(covered))
    lower = Point(0.6, 7e-4, 0.0, 0.0015, 0.2)
    found, _ = raise_thresholds(replace(CALIBRATED, points=(lower, *POINTS)), shown)
    assert [point.target for point in found.points] == [FAR, 0.01]
    with pytest.raises(InputError, match=r"FAR of 0\.07 %"):
        raise_thresholds(replace(CALIBRATED, chosen=lower), shown)
    assert raise_thresholds(replace(CALIBRATED, chosen=lower), [])[0].chosen == lower


def test_people_alike_by_a_condition_pass_the_threshold_for_ordinary_photos_only() -> None:
    others = people(2000, 1.0, 1)
    before = after = 0
    for seed in range(20):
        covered = people(1, 1.0, 100 + seed)
        found, _ = raise_thresholds(CALIBRATED, shown_conditions(TABLE, covered, template(covered)))
        scores = template(covered).score(others)
        before += int((scores >= CALIBRATED.chosen.cosine).sum())
        after += int((scores >= found.chosen.cosine).sum())
    assert before > 0.2 * 20 * 2000
    assert after < 0.02 * 20 * 2000


def test_the_discriminant_weighs_each_direction_by_its_variance() -> None:
    covariance = np.diag([4.0, 1.0])
    assert discriminant(np.zeros(2), np.array([4.0, 1.0]), covariance) == pytest.approx([1.0, 1.0])


@pytest.fixture
def photos(shared_data: Path) -> list[UInt8Array]:
    return [load_rgb(shared_data / "photos" / "me" / name) for name in ("obama.jpg", "obama2.jpg", "obama3.jpg")]


def enrolled(photos: list[UInt8Array]) -> Enrollment:
    base = open_base()
    return enroll_checked(base, [check_photo(base.embedder, photo, "x") for photo in photos])


@pytest.mark.real
def test_photos_behind_a_mask_or_dark_glasses_raise_the_threshold(photos: list[UInt8Array], detector: None) -> None:
    landmarks = [np.array(find_crop(photo).landmarks, np.float32) for photo in photos]
    plain = enrolled(photos)
    assert plain.fitted.condition == ""
    assert plain.warnings == []
    rng = np.random.default_rng(1)  # of masks on the test people 97 % are recognised, of these three sets two
    glasses = enrolled([dark_glasses(*both) for both in zip(photos, landmarks, strict=True)])
    masks = enrolled([masked(*both, rng) for both in zip(photos, landmarks, strict=True)])
    for found, name in ((glasses, "dark glasses"), (masks, "covered")):
        assert name in found.fitted.condition
        assert found.fitted.threshold > plain.fitted.threshold
        assert any(name in warning and "threshold is raised" in warning for warning in found.warnings)
        assert found.figures()["condition"] == found.fitted.condition


@pytest.mark.real
def test_two_photos_in_dark_glasses_are_compared_at_a_higher_threshold(
    photos: list[UInt8Array], detector: None
) -> None:
    landmarks = [np.array(find_crop(photo).landmarks, np.float32) for photo in photos]
    glasses = [dark_glasses(*both) for both in zip(photos, landmarks, strict=True)]
    plain, covered, swapped = (compare(a, b) for a, b in (photos[:2], glasses[:2], glasses[1::-1]))
    assert covered.threshold > plain.threshold
    assert covered.threshold == swapped.threshold
