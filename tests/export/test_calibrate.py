"""The threshold of a head: what it lets through, what it claims, and when there is none."""

from pathlib import Path

import numpy as np
import pytest
import tiny_bundle

from facedge.demo.synthetic_dataset import write_photo_folders
from facedge.errors import DatasetError, ExportError, InputError
from facedge.export.calibrate import Impostors, calibrate, cohort, impostor_photos, joined, known_identities
from facedge.types import untracked


def people(count: int, images: int = 4, seed: int = 0) -> tuple[np.ndarray, Impostors]:
    """(scores, impostors): each person has a level of likeness, images scatter around it."""
    rng = np.random.default_rng(seed)
    identities = np.repeat(np.arange(count, dtype=np.int32), images)
    level = rng.normal(-4, 1, count)[identities] + rng.normal(0, 0.5, count * images)
    scores = (1 / (1 + np.exp(-level))).astype(np.float32)
    embeddings = rng.standard_normal((count * images, 8)).astype(np.float32)
    return scores, Impostors(embeddings, identities, "validation people of a test")


def test_the_threshold_keeps_the_far_on_its_impostors() -> None:
    scores, impostors = people(400)
    threshold, evidence = calibrate(scores, impostors, 0.01)
    assert np.mean(scores >= threshold) <= 0.01 < np.mean(scores >= np.nextafter(threshold, 0) - 1e-3)
    assert (evidence.identities, evidence.comparisons, evidence.far_target) == (400, 1600, 0.01)
    assert evidence.far_low95 <= np.mean(scores >= threshold) <= evidence.far_upper95
    assert "bootstrap over identities" in evidence.method and "validation people of a test" in evidence.method


@pytest.mark.parametrize(("count", "expected"), [(3100, 1e-3), (400, 1e-2), (100, 3e-2), (35, 0.1)])
def test_by_default_the_lowest_usual_far_that_the_people_support(count: int, expected: float) -> None:
    _, evidence = calibrate(*people(count, images=2))
    assert evidence.far_target == expected


def test_a_far_that_the_people_do_not_support_is_refused() -> None:
    with pytest.raises(InputError, match=r"a FAR of 0\.001 needs at least 2995 impostor identities"):
        calibrate(*people(100), 0.001)


@pytest.mark.parametrize(("count", "proven"), [(28, 0.11), (10, 0.26), (5, 0.46), (2, 0.78)])
def test_of_few_people_none_is_accepted_for_the_lowest_far_that_they_prove(count: int, proven: float) -> None:
    scores, impostors = people(count)
    threshold, evidence = calibrate(scores, impostors)
    assert evidence.far_target == proven >= evidence.far_upper95
    assert (evidence.far_low95, evidence.identities) == (0.0, count)
    assert scores.max() < threshold <= np.nextafter(scores.max(), np.float32(1))
    with pytest.raises(InputError, match="needs at least 29 impostor identities"):
        calibrate(scores, impostors, 0.1)


def test_points_rise_with_stricter_targets() -> None:
    _, evidence = calibrate(*people(400))
    targets = [p.far_target for p in evidence.points]
    thresholds = [p.threshold for p in evidence.points]
    assert targets == sorted(targets) and thresholds == sorted(thresholds, reverse=True) and len(targets) >= 3


def test_impostors_at_the_highest_score_leave_no_threshold() -> None:
    scores, impostors = people(400)
    scores[::10] = 1.0
    with pytest.raises(ExportError, match="impostors score 1"):
        calibrate(scores, impostors, 0.01)


def test_unknown_people_are_counted_with_caution() -> None:
    scores, impostors = people(400)
    nobody = Impostors(impostors.embeddings, np.full(1600, -1, np.int32), impostors.source)
    _, evidence = calibrate(scores, nobody)
    assert evidence.identities == 46  # 1,600 images at 35 a person
    assert evidence.far_target == 0.1 and "one person per 35 images" in evidence.method


def test_known_people_keep_their_numbers_beside_unknown_ones() -> None:
    filled, note = known_identities(np.array([7, -1, 7, -1, 3], np.int32))
    assert filled.tolist() == [7, 8, 7, 8, 3] and note.startswith("; 2 images")
    assert known_identities(np.array([1, 0], np.int32))[1] == ""


@pytest.mark.parametrize(
    ("count", "images", "rows"), [(1000, 6, 2000), (100, 40, 2400), (10, 30, 240), (4000, 2, 4200), (50, 1, 50)]
)
def test_the_cohort_keeps_everybody_and_many_images_of_some(count: int, images: int, rows: int) -> None:
    _, impostors = people(count, images)
    chosen = cohort(impostors)
    assert len(chosen.embeddings) == rows and chosen.people == count
    _, each = np.unique(chosen.identities, return_counts=True)
    assert np.sum(each == min(images, 24)) >= min(200, count)


def test_people_with_most_images_are_those_enrolled_in_turn() -> None:
    counts = np.where(np.arange(300) % 3 == 0, 3, 30)
    identities = np.repeat(np.arange(300, dtype=np.int32), counts)
    chosen = cohort(Impostors(np.zeros((len(identities), 8), np.float32), identities, "a test"))
    people, each = np.unique(chosen.identities, return_counts=True)
    assert sorted(set(each.tolist())) == [1, 24]
    assert (people[each == 24] % 3 != 0).all() and np.sum(each == 24) == 200


def test_unknown_people_are_never_enrolled() -> None:
    _, impostors = people(10, images=70)
    chosen = cohort(Impostors(impostors.embeddings, np.full(700, -1, np.int32), "a test"))
    assert len(chosen.embeddings) == chosen.people == 20 and "unknown" in chosen.source


def photos_of_people(folder: Path, count: int) -> Path:
    """FOLDER/PERSON/PHOTO of drawn people."""
    for number, photo in enumerate(sorted(write_photo_folders(folder, others=count, probes=0).others.iterdir())):
        place = folder / "people" / f"person_{number}"
        place.mkdir(parents=True)
        photo.rename(place / photo.name)
    return folder / "people"


def test_one_photo_of_each_person_counts(tmp_path: Path) -> None:
    (found,) = impostor_photos(
        photos_of_people(tmp_path, 6), [tiny_bundle.backbone_onnx()], tiny_bundle.SPEC, untracked
    )
    assert found.people == 6
    np.testing.assert_allclose(np.linalg.norm(found.embeddings, axis=1), 1, rtol=1e-5)


def test_every_backbone_embeds_the_same_people(tmp_path: Path) -> None:
    folder, backbone = photos_of_people(tmp_path, 4), tiny_bundle.backbone_onnx()
    one, other = impostor_photos(folder, [backbone, backbone], tiny_bundle.SPEC, untracked)
    np.testing.assert_array_equal(one.embeddings, other.embeddings)
    np.testing.assert_array_equal(one.identities, other.identities)
    assert one.embeddings.shape == (4, tiny_bundle.DIMS)


def test_joined_impostors_stay_distinct() -> None:
    first = Impostors(np.zeros((3, 4), np.float32), np.array([5, 5, 9], np.int32), "validation people")
    second = Impostors(np.ones((2, 4), np.float32), np.array([0, 1], np.int32), "photos")
    both = joined(first, second)
    assert both.people == 4
    assert both.identities.tolist() == [5, 5, 9, 10, 11]
    assert both.source == "validation people and photos"


def test_a_folder_without_people_or_faces_is_refused(tmp_path: Path) -> None:
    loose = write_photo_folders(tmp_path, others=3, probes=0).others
    with pytest.raises(DatasetError, match="one folder a person"):
        impostor_photos(loose, [tiny_bundle.backbone_onnx()], tiny_bundle.SPEC, untracked)
    folder = photos_of_people(tmp_path / "broken", 3)
    for photo in folder.rglob("*.jpg"):
        photo.write_text("no photo")
    with pytest.raises(DatasetError, match="only 0 of 3 photos"):
        impostor_photos(folder, [tiny_bundle.backbone_onnx()], tiny_bundle.SPEC, untracked)
