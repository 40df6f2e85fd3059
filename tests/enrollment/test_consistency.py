"""One person an enrollment: who does not match, on drawn embeddings of normally distributed people and photos."""

import numpy as np
import pytest

from facedge.enrollment.consistency import PersonModel, find_mismatched, fit_model, limits

SIZE, SPREAD = 32, 0.1  # of a person's photos, where people vary by 0.18 along each direction


def people(count: int, each: int, seed: int, spread: float = SPREAD) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (count * each, SIZE) and identities of drawn people."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(rng.normal(0, 0.18, (count, SIZE)), each, axis=0)
    x = (centres + rng.normal(0, spread, centres.shape)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True), np.repeat(np.arange(count, dtype=np.int32), each)


@pytest.fixture(scope="module")
def model() -> PersonModel:
    return fit_model(*people(60, 8, seed=1))


def mixed(own: int, other: int, seed: int) -> np.ndarray:
    """Photos of one person, then of another."""
    x = people(2, max(own, other), seed)[0]
    return np.concatenate([x[:own], x[max(own, other) :][:other]])


@pytest.mark.parametrize("photos", [1, 2, 3, 5, 10, 30])
def test_photos_of_one_person_match(model: PersonModel, photos: int) -> None:
    found = [find_mismatched(model, people(1, photos, seed)[0]) for seed in range(100, 150)]
    assert sum(map(bool, found)) <= 1


@pytest.mark.parametrize(("own", "other"), [(2, 1), (3, 1), (5, 2), (7, 3)])
def test_the_smaller_group_is_named(model: PersonModel, own: int, other: int) -> None:
    right = tuple(range(own, own + other))
    found = [find_mismatched(model, mixed(own, other, seed)) for seed in range(200, 240)]
    assert sum(one == right for one in found) >= 38


@pytest.mark.parametrize("each", [1, 5])
def test_of_equal_groups_both_are_named(model: PersonModel, each: int) -> None:
    found = [find_mismatched(model, mixed(each, each, seed)) for seed in range(300, 340)]
    assert sum(one == tuple(range(2 * each)) for one in found) >= 38


def test_all_of_several_people_are_named(model: PersonModel) -> None:
    strangers, x = people(4, 1, seed=400)[0], people(1, 6, seed=401)[0]
    assert find_mismatched(model, strangers) == (0, 1, 2, 3)
    assert find_mismatched(model, np.concatenate([strangers[:2], x])) == (0, 1)


def test_the_order_of_the_photos_does_not_matter(model: PersonModel) -> None:
    x, order = mixed(5, 2, seed=500), np.array([6, 0, 3, 5, 1, 2, 4])
    assert sorted(order[list(find_mismatched(model, x[order]))]) == list(find_mismatched(model, x))


@pytest.mark.parametrize("enrolled", [1, 3, 20])
def test_photos_added_to_a_person_match_the_samples(model: PersonModel, enrolled: int) -> None:
    """The enrolled samples are taken for one person, and photos of somebody else never outnumber them."""
    same, other = people(1, enrolled + 3, seed=600)[0], people(1, 4, seed=601)[0]
    assert find_mismatched(model, same[enrolled:], same[:enrolled]) == ()
    assert find_mismatched(model, other[:1], same[:enrolled]) == (0,)
    assert find_mismatched(model, np.concatenate([same[enrolled:], other]), same[:enrolled]) == (3, 4, 5, 6)


def test_frames_of_one_moment_are_not_many_photos(model: PersonModel) -> None:
    """Twenty nearly equal frames, then photos of the same person on other days."""
    for seed in range(700, 720):
        photos = people(1, 4, seed)[0]
        frames = photos[0] + np.random.default_rng(seed).normal(0, SPREAD / 10, (20, SIZE)).astype(np.float32)
        assert find_mismatched(model, photos[1:], frames) == ()


def test_the_limits_grow_with_the_photos_and_the_group() -> None:
    one = [limits(photos, np.array([1]))[0] for photos in (2, 3, 4, 10, 100)]
    assert one == sorted(one)
    assert limits(10, np.array([2, 5, 1])).tolist() == [
        pytest.approx(75.0),
        pytest.approx(93.0),
        pytest.approx(40.3, abs=0.1),
    ]
