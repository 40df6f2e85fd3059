"""Cohort trials: who is enrolled, with how many images, and who is compared; Platt's calibration."""

import numpy as np
import pytest

from facedge.enrollment import calibration
from facedge.enrollment.calibration import OWN_IMPOSTORS, cohort_trials, template
from facedge.errors import BundleError


def people(*counts: int, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (N, 8) and identities (N,) of people with so many images each."""
    identities = np.repeat(np.arange(first, first + len(counts), dtype=np.int32), counts)
    x = np.random.default_rng(first).standard_normal((len(identities), 8)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True), identities


def test_nobody_is_compared_with_oneself() -> None:
    found = cohort_trials(*people(*[4] * 12), images=2)
    assert (found.impostor_pairs[:, 0] != found.impostor_pairs[:, 1]).all()
    assert len(found.genuine) == len(found.genuine_people) == 12 * 2
    assert len(found.impostor) == 12 * 11 * 4


@pytest.mark.parametrize(
    ("counts", "images", "enrolled"),
    [([12] * 10, 10, 10), ([12] * 10, 3, 3), ([4] * 10, 10, 3), ([2] * 5 + [30] * 6, 10, 10), ([90] * 9, 50, 16)],
)  # fmt: skip
def test_as_many_images_enroll_as_half_of_the_people_can_spare(counts: list[int], images: int, enrolled: int) -> None:
    found = cohort_trials(*people(*counts), images)
    who, probes = np.unique(found.genuine_people, return_counts=True)
    assert len(who) == sum(count > enrolled for count in counts)
    assert (np.array(counts)[who] - probes == enrolled).all()


def test_the_scores_are_those_of_templates_of_so_many_images() -> None:
    x, identities = people(*[3] * 8)
    found = cohort_trials(x, identities, images=2)
    others = identities != 0
    pairs = [template(x[np.delete(np.flatnonzero(identities == 0), left)]) for left in range(3)]
    mine = found.impostor[found.impostor_pairs[:, 0] == 0]
    assert any(np.allclose(mine, pair.score(x[others])) for pair in pairs)


def test_identities_with_one_photo_take_no_part() -> None:
    x, identities = people(*[5] * 9)
    single, ids = people(*[1] * 40, first=100)
    alone = cohort_trials(x, identities, 3)
    beside = cohort_trials(np.concatenate([x, single]), np.concatenate([identities, ids]), 3)
    np.testing.assert_array_equal(alone.impostor, beside.impostor)
    np.testing.assert_array_equal(alone.genuine, beside.genuine)


def test_impostors_that_the_user_added_always_take_part() -> None:
    x, identities = people(*[5] * 9)
    family, names = people(1, 1, first=OWN_IMPOSTORS)
    found = cohort_trials(np.concatenate([x, family]), np.concatenate([identities, names]), 3)
    assert np.sum(found.impostor_pairs[:, 1] >= OWN_IMPOSTORS) == 9 * 2


def test_a_cohort_of_too_few_people_is_refused() -> None:
    with pytest.raises(BundleError, match="7 people with two images or more; enrollment needs at least 8"):
        cohort_trials(*people(*[5] * 7, *[1] * 90), 3)


def test_calibration_is_a_rising_probability() -> None:
    rng = np.random.default_rng(3)
    genuine, impostor = rng.normal(2, 1, 4000), rng.normal(0, 1, 9000)
    link = calibration.fit_logistic(genuine, impostor)
    assert link.slope == pytest.approx(2.0, abs=0.15)  # two normals two deviations apart: logit = 2 x - 2
    assert link.shift == pytest.approx(-2.0, abs=0.15)


def test_calibration_survives_classes_that_do_not_touch() -> None:
    link = calibration.fit_logistic(np.full(50, 0.9), np.linspace(-0.2, 0.3, 500))
    assert np.isfinite([link.slope, link.shift]).all()
    assert link.probability(np.array([0.9]))[0] > 0.9 > 0.1 > link.probability(np.array([0.1]))[0]
