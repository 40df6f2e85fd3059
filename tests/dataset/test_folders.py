"""The folder of a photo is its label, and copies of a photo never lie on both sides of a split."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.dataset.folders import LabelledPhotos, read_photo_folders, split_photos
from facedge.errors import DatasetError, InputError


def fill(folder: Path, *names: str) -> Path:
    """Files of different content; they are never decoded."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.fsencode(path))
    return folder


@pytest.mark.parametrize(("me", "others"), [("me", "others"), ("zoe", "adam"), ("A", "B"), ("me", "a_group")])
def test_labels_do_not_depend_on_the_alphabet(tmp_path: Path, me: str, others: str) -> None:
    photos = read_photo_folders(fill(tmp_path / me, "1.jpg", "2.JPG"), fill(tmp_path / others, "1.png", "x/2.jfif"))
    assert {
        path.parts[len(tmp_path.parts)] for path, label in zip(photos.paths, photos.labels, strict=True) if label
    } == {me}
    assert photos.labels.sum() == 2
    assert len(photos) == 4


def test_an_empty_folder_and_one_class_only(tmp_path: Path) -> None:
    me, others = fill(tmp_path / "me", "1.jpg"), fill(tmp_path / "others", "notes.txt")
    with pytest.raises(DatasetError, match=r"no photos in .*others: expected .* of the kinds (avif )?bmp gif"):
        read_photo_folders(me, others)
    with pytest.raises(DatasetError, match=r"expected a folder of photos \(others\) at .*, found nothing"):
        read_photo_folders(me, tmp_path / "absent")
    with pytest.raises(DatasetError, match=r"\(me\) at .*, found a file"):
        read_photo_folders(me / "1.jpg", others)


def test_folders_in_each_other_are_refused(tmp_path: Path) -> None:
    fill(tmp_path / "photos", "1.jpg", "me/1.jpg")
    with pytest.raises(DatasetError, match=r"photos/me lies inside .*photos, so its photos would have both labels"):
        read_photo_folders(tmp_path / "photos" / "me", tmp_path / "photos")
    with pytest.raises(DatasetError, match="me and others are the same folder"):
        read_photo_folders(tmp_path / "photos", tmp_path / "photos" / "me" / "..")


def test_the_same_photo_with_both_labels_is_refused(tmp_path: Path) -> None:
    me, others = fill(tmp_path / "me", "1.jpg"), fill(tmp_path / "others", "a.jpg")
    (others / "b.jpg").write_bytes((me / "1.jpg").read_bytes())
    with pytest.raises(DatasetError, match=r"me/1\.jpg and .*others/b\.jpg are the same photo"):
        read_photo_folders(me, others)


def test_the_same_photo_twice_counts_once_and_is_reported(tmp_path: Path) -> None:
    me, others = fill(tmp_path / "me", "1.jpg", "2.jpg"), fill(tmp_path / "others", "a.jpg")
    (me / "copy of 1.jpg").write_bytes((me / "1.jpg").read_bytes())
    photos = read_photo_folders(me, others)
    assert len(photos) == 3
    assert photos.duplicates == ((me / "copy of 1.jpg", me / "1.jpg"),)


def test_what_cannot_be_read_is_listed_and_ends_nothing(tmp_path: Path) -> None:
    """Who decodes them names them: links to nothing and to themselves, pipes, names that are no UTF-8."""
    me = fill(tmp_path / "me", "1.jpg", os.fsdecode(b"a\xff.jpg"))
    others = fill(tmp_path / "others", "a.jpg")
    (me / "gone.jpg").symlink_to(me / "nowhere.jpg")
    (me / "loop.jpg").symlink_to(me / "loop.jpg")
    (others / "gone.jpg").symlink_to(me / "nowhere.jpg")
    os.mkfifo(me / "pipe.jpg")
    photos = read_photo_folders(me, others)
    assert [path.name for path in photos.paths] == [
        "a.jpg", "gone.jpg", "1.jpg", os.fsdecode(b"a\xff.jpg"), "gone.jpg", "loop.jpg", "pipe.jpg",
    ]  # fmt: skip
    assert photos.duplicates == ()


def labelled(sizes: list[tuple[int, int]]) -> LabelledPhotos:
    """Photos of (label, group size) groups."""
    labels = np.repeat([label for label, _ in sizes], [size for _, size in sizes]).astype(np.uint8)
    groups = np.repeat(np.arange(len(sizes)), [size for _, size in sizes])
    return LabelledPhotos(tuple(Path(str(k)) for k in range(len(labels))), labels, groups, ())


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(1, 6)), min_size=1, max_size=30),
    st.floats(0.05, 0.9),
    st.integers(0, 3),
)
def test_a_split_keeps_groups_whole_and_both_classes_on_both_sides(
    sizes: list[tuple[int, int]], share: float, seed: int
) -> None:
    photos = labelled(sizes)
    training, validation = split_photos(photos, share, seed=seed)
    assert sorted([*training, *validation]) == list(range(len(photos)))
    assert not set(photos.groups[training]) & set(photos.groups[validation])
    for label in (0, 1):
        groups = sum(1 for kind, _ in sizes if kind == label)
        if groups:
            assert label in photos.labels[training]
        assert (label in photos.labels[validation]) == (groups > 1)


def test_a_split_holds_about_its_share() -> None:
    photos = labelled([(0, 1)] * 200 + [(1, 1)] * 10)
    _, validation = split_photos(photos, 0.2)
    assert np.bincount(photos.labels[validation]).tolist() == [40, 2]
    assert len(split_photos(photos, 0)[1]) == 0
    with pytest.raises(InputError, match="share from 0 to below 1"):
        split_photos(photos, 1.0)


def test_under_others_a_subfolder_is_one_person(tmp_path: Path) -> None:
    me = fill(tmp_path / "me", "1.jpg", "day/2.jpg", "day/3.jpg")
    others = fill(tmp_path / "others", "ann/1.jpg", "ann/2.jpg", "bob/old/1.jpg", "bob/2.jpg", "x.jpg", "y.jpg")
    photos = read_photo_folders(me, others)
    by_path = {
        path.relative_to(tmp_path).as_posix(): int(g) for path, g in zip(photos.paths, photos.groups, strict=True)
    }
    assert by_path["others/ann/1.jpg"] == by_path["others/ann/2.jpg"]
    assert by_path["others/bob/old/1.jpg"] == by_path["others/bob/2.jpg"]
    assert len(set(photos.groups.tolist())) == 7
