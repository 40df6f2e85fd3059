"""The source check warns where the FAR of the cohort cannot hold, and only there."""

from pathlib import Path

import numpy as np
import pytest

from facedge.enrollment.calibration import template
from facedge.enrollment.capture import check_photo
from facedge.enrollment.enroll import enroll_checked, open_base
from facedge.enrollment.source_check import (
    LIMITS,
    FaceStatistics,
    check_source,
    condition_warnings,
    face_statistics,
    share_inside,
)
from facedge.faces.align import TARGET
from facedge.faces.crop import find_crop
from facedge.faces.quality import measure
from facedge.imaging import load_rgb
from facedge.report.degradations import dark_glasses, masked
from facedge.types import Float32Array, UInt8Array

ORDINARY = FaceStatistics(detection=0.94, contrast=60, sharpness=0.5, eyes=0.9, mouth=0.2, unclipped=1.0, inside=1.0)


@pytest.mark.parametrize("name", list(LIMITS))
def test_a_statistic_below_its_limit_is_named_in_one_sentence(name: str) -> None:
    limit, what = LIMITS[name]
    (warning,) = condition_warnings([ORDINARY._replace(**{name: 0.9 * limit})] * 3)
    assert what in warning


def test_ordinary_faces_bring_no_warning() -> None:
    assert condition_warnings([ORDINARY] * 3) == condition_warnings([]) == []


def test_one_bad_photo_among_many_brings_no_warning() -> None:
    assert condition_warnings([ORDINARY] * 9 + [ORDINARY._replace(detection=0.9, contrast=30)]) == []


def test_a_photo_that_came_aligned_has_its_pixels_judged_only(crop: UInt8Array) -> None:
    found = face_statistics(crop, measure(crop, None), None, crop.shape)
    assert (found.detection, found.inside) == (1.0, 1.0)


def test_a_picture_that_ends_at_the_face_is_mostly_repeated_border(crop: UInt8Array) -> None:
    """Found where everybody's photos were cut so: 1.7 % accepted instead of 0.1 %."""
    whole = share_inside(TARGET.astype(np.float32), crop.shape)
    cut = share_inside((TARGET - (50, 65)).astype(np.float32), (112, 81))
    assert whole == 1.0
    assert cut == pytest.approx(112 * 81 / (164 * 166), abs=0.03)
    (warning,) = condition_warnings([ORDINARY._replace(inside=cut)])
    assert "ends at the face" in warning


@pytest.fixture
def crop() -> UInt8Array:
    """A drawn face: skin with texture, dark eyes and mouth, 218x178."""
    rng = np.random.default_rng(0)
    image = np.full((218, 178), 160.0)
    image[60:190, 24:154] += rng.normal(0, 8, (130, 130))
    image[105:117, 60:78] = image[105:117, 98:116] = 60
    image[148:156, 70:104] = 80
    return np.clip(image, 0, 255).astype(np.uint8)


def statistics(image: UInt8Array) -> FaceStatistics:
    return face_statistics(image, measure(image, None), None, image.shape)


def test_dark_lenses_and_a_flat_cloth_change_their_own_statistic(crop: UInt8Array) -> None:
    lenses, cloth = crop.copy(), crop.copy()
    lenses[98:124, 50:86] = lenses[98:124, 90:126] = 20
    cloth[134:, :] = 200
    plain, dark, covered = (statistics(image) for image in (crop, lenses, cloth))
    assert dark.eyes < LIMITS["eyes"][0] < plain.eyes
    assert covered.mouth < LIMITS["mouth"][0] < plain.mouth
    white = np.where(crop > 140, 255, crop).astype(np.uint8)
    assert statistics(white).unclipped < LIMITS["unclipped"][0] < plain.unclipped


def people(count: int, images: int, rng: np.random.Generator) -> tuple[Float32Array, np.ndarray]:
    """Embeddings of people who all share a direction, float32 (count * images, 16), and their identities."""
    x = rng.normal(size=(count, 1, 16)) + 0.3 * rng.normal(size=(count, images, 16)) + np.eye(16)[0]
    x = x.reshape(-1, 16) / np.linalg.norm(x.reshape(-1, 16), axis=1, keepdims=True)
    return x.astype(np.float32), np.repeat(np.arange(count), images).astype(np.int32)


def test_a_template_near_the_mean_of_people_is_warned_of() -> None:
    """The check once looked for templates far from the mean, and never fired: without identity they lie near it."""
    rng = np.random.default_rng(1)
    cohort, identities = people(120, 3, rng)
    usual = check_source(cohort[:3], cohort[3:], identities[3:], None, template(cohort[:3]))
    assert not any("in general" in warning for warning in usual.warnings())
    middle = cohort.mean(axis=0) + 0.02 * rng.normal(size=(3, 16)).astype(np.float32)
    found = check_source(middle, cohort, identities, None, template(middle))
    assert found.percentile > 0.999
    assert any("in general" in warning for warning in found.warnings())


@pytest.mark.real
def test_photos_behind_a_mask_or_dark_glasses_enroll_with_a_warning(shared_data: Path, detector: None) -> None:
    base = open_base()
    photos = [load_rgb(shared_data / "photos" / "me" / name) for name in ("obama.jpg", "obama2.jpg", "obama3.jpg")]

    def warnings(changed: list[UInt8Array]) -> str:
        return " ".join(enroll_checked(base, [check_photo(base.embedder, x, "x") for x in changed]).warnings)

    landmarks = [np.array(find_crop(photo).landmarks, np.float32) for photo in photos]
    rng = np.random.default_rng(0)
    assert "in these photos" not in warnings(photos)
    glasses = [dark_glasses(*both) for both in zip(photos, landmarks, strict=True)]
    assert "as behind sunglasses" in warnings(glasses)
    masks = [masked(*both, rng) for both in zip(photos, landmarks, strict=True)]
    assert "as behind a mask" in warnings(masks)
