"""The synthetic CelebA has the official layout, is deterministic, and its labels agree with its drawings."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from facedge.dataset.attribute_names import ATTRIBUTE_NAMES
from facedge.dataset.celeba import read_celeba
from facedge.dataset.folders import read_photo_folders
from facedge.demo.people import attributes_of, draw_person, draw_shot
from facedge.demo.synthetic_dataset import synthetic_face, write_photo_folders, write_synthetic_celeba
from facedge.errors import InputError
from facedge.imaging import load_rgb

# mean grey levels of 4 x 4 fields of three drawings: (identity, shot) of seed 0
DRAWN = {
    (0, 0): [
        [92.7, 110.4, 126.2, 138.8],
        [100.9, 104.3, 115.2, 152.3],
        [101.8, 108.4, 122.2, 155.6],
        [88.8, 85.2, 97.4, 136.1],
    ],
    (7, 1): [[121, 101, 89, 98], [100, 58, 58, 84], [78, 64, 62, 64], [54, 26, 25, 52]],
    (33, 2): [[37, 36, 36, 37], [39, 85, 79, 32], [40, 82, 75, 29], [46, 49, 42, 36]],
}


@pytest.fixture(scope="module")
def celeba(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 identities with 6 images each."""
    return write_synthetic_celeba(tmp_path_factory.mktemp("celeba"), identities=24, images_per_identity=6, seed=5)


@pytest.mark.parametrize(("identity", "shot"), DRAWN)
def test_a_seed_gives_the_same_face_in_every_version(identity: int, shot: int) -> None:
    """Fields and a tolerance, because JPEG encoders differ by a grey level."""
    picture = load_rgb(synthetic_face(0, identity, shot)[0]).astype(float)
    fields = picture[:216, :176].reshape(4, 54, 4, 44, 3).mean((1, 3, 4))
    assert np.allclose(fields, DRAWN[identity, shot], atol=1.5)


def digest_of(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_same_arguments_give_the_same_bytes_however_many_workers(tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("two", 2)):
        write_synthetic_celeba(tmp_path / name, identities=40, images_per_identity=4, seed=3, workers=workers)
    assert digest_of(tmp_path / "one") == digest_of(tmp_path / "two")
    assert synthetic_face(3, 1, 1)[0] != synthetic_face(4, 1, 1)[0]


def test_the_files_have_the_official_format(celeba: Path) -> None:
    lines = (celeba / "list_attr_celeba.txt").read_text().split("\n")
    assert lines[0] == "144"
    assert tuple(lines[1].split()) == ATTRIBUTE_NAMES
    assert lines[2].startswith("000001.jpg ")
    assert set(lines[2].split()[1:]) == {"-1", "1"}
    assert "  1" in lines[2]  # columns are padded by blanks, as in the official file
    assert load_rgb(celeba / "img_align_celeba" / "000144.jpg").shape == (218, 178, 3)


def test_the_partition_is_identity_disjoint_and_no_part_is_empty(celeba: Path) -> None:
    dataset = read_celeba(celeba)  # refuses an identity in two partitions
    people = [len(np.unique(dataset.identities[dataset.partition == side])) for side in range(3)]
    assert people == [20, 2, 2]
    assert (np.unique(dataset.identities, return_counts=True)[1] == 6).all()


def test_most_attributes_occur_and_some_do_not_on_a_larger_draw() -> None:
    rng = np.random.default_rng(1)
    people = [draw_person(rng) for _ in range(400)]
    facts = [attributes_of(person, draw_shot(rng, person)) for person in people]
    shares = {name: np.mean([row[name] for row in facts]) for name in ATTRIBUTE_NAMES}
    assert shares.pop("Attractive") == 0
    assert {name for name, share in shares.items() if not 0.02 <= share <= 0.9} <= {
        "Double_Chin",
        "Sideburns",
        "Goatee",
    }
    assert all(row.keys() == dict.fromkeys(ATTRIBUTE_NAMES).keys() for row in facts)


def test_photos_of_one_identity_are_more_alike_than_those_of_others() -> None:
    """Mean pictures over shots: light, pose and background average out, the identity does not."""

    def mean_face(identity: int, shots: range) -> np.ndarray:
        pictures = [load_rgb(synthetic_face(0, identity, shot)[0])[60:188, 24:152] for shot in shots]
        return np.mean(pictures, axis=0) - np.mean(pictures)

    gallery = [mean_face(i, range(8)) for i in range(8)]
    probes = [mean_face(i, range(8, 16)) for i in range(8)]
    nearest = [int(np.argmin([np.square(p - g).mean() for g in gallery])) for p in probes]
    assert np.mean(np.array(nearest) == np.arange(8)) >= 0.75


@pytest.mark.parametrize(
    ("attribute", "rows", "columns", "darker"),
    [
        ("Wearing_Hat", slice(60, 76), slice(60, 116), None),  # the hat covers the forehead: large change, any tone
        ("Eyeglasses", slice(98, 124), slice(50, 126), True),
        ("Wearing_Lipstick", slice(146, 160), slice(70, 106), None),
    ],
)
def test_an_attribute_can_be_seen_where_it_belongs(
    attribute: str, rows: slice, columns: slice, darker: bool | None
) -> None:
    inside, outside = [], []
    for identity in range(60):
        person = draw_person(np.random.default_rng([9, identity]))
        shot = draw_shot(np.random.default_rng([9, identity, 1]), person)
        without = shot.worn - {attribute, "Heavy_Makeup"}
        change = _picture(person, shot, shot.worn | {attribute}) - _picture(person, shot, without)
        inside.append(change[rows, columns].mean() if darker else np.abs(change[rows, columns]).mean())
        outside.append(np.abs(change[170:, :40]).mean())
    assert np.mean(outside) < 1
    assert np.mean(inside) < -4 if darker else np.mean(inside) > 4


def _picture(person: object, shot: object, worn: frozenset[str]) -> np.ndarray:
    from dataclasses import replace

    from facedge.demo.drawing import render_face

    return np.asarray(render_face(person, replace(shot, worn=worn, blur=0)), dtype=float)  # type: ignore[arg-type,type-var]


def test_photo_folders_hold_people_of_their_own(tmp_path: Path) -> None:
    places = write_photo_folders(tmp_path, me_images=3, others=5, probes=4, seed=5)
    photos = read_photo_folders(places.me, places.others)
    assert photos.labels.tolist() == [0] * 5 + [1] * 3
    assert photos.duplicates == ()
    probes = read_photo_folders(places.probe_me, places.probe_others)
    assert probes.labels.tolist() == [0] * 4 + [1] * 4
    assert len(set(digest_of(tmp_path).values())) == 16


def test_too_few_identities_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 3 identities"):
        write_synthetic_celeba(tmp_path, identities=2)
