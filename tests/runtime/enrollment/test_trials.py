"""A cohort's people take turns: who is enrolled, by how many images, and who tries."""

import numpy as np
import pytest

from facedge.errors import BundleError
from facedge.runtime.enrollment.linear import template
from facedge.runtime.enrollment.trials import OWN_IMPOSTORS, cohort_trials


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


def test_a_crowd_of_one_photo_each_takes_no_part() -> None:
    x, identities = people(*[5] * 9)
    crowd, strangers = people(*[1] * 40, first=100)
    alone = cohort_trials(x, identities, 3)
    beside = cohort_trials(np.concatenate([x, crowd]), np.concatenate([identities, strangers]), 3)
    np.testing.assert_array_equal(alone.impostor, beside.impostor)
    np.testing.assert_array_equal(alone.genuine, beside.genuine)


def test_impostors_that_the_user_brought_always_take_part() -> None:
    x, identities = people(*[5] * 9)
    family, names = people(1, 1, first=OWN_IMPOSTORS)
    found = cohort_trials(np.concatenate([x, family]), np.concatenate([identities, names]), 3)
    assert np.sum(found.impostor_pairs[:, 1] >= OWN_IMPOSTORS) == 9 * 2


def test_a_cohort_that_says_nothing_is_refused() -> None:
    with pytest.raises(BundleError, match="7 people with two images or more; enrollment needs at least 8"):
        cohort_trials(*people(*[5] * 7, *[1] * 90), 3)
