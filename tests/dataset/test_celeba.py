"""CelebA is read in every layout that is in use, and each defect of a copy gets its own sentence."""

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from facedge.dataset.celeba import CelebA, read_celeba
from facedge.dataset.images import FolderStore, ZipStore, open_store
from facedge.errors import DatasetError


def same_labels(one: CelebA, other: CelebA) -> bool:
    return (
        one.names == other.names
        and np.array_equal(one.attributes, other.attributes)
        and np.array_equal(one.identities, other.identities)
        and np.array_equal(one.partition, other.partition)
    )


def zip_images(folder: Path, inside: str = "img_align_celeba") -> None:
    images = folder / "img_align_celeba"
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for path in sorted(images.iterdir()):
            archive.write(path, f"{inside}/{path.name}")
        archive.writestr("__MACOSX/img_align_celeba/._000001.jpg", b"")
        archive.writestr("__MACOSX/img_align_celeba/000001.jpg", b"")
    shutil.rmtree(images)


def to_csv(folder: Path, stem: str, header: str | None) -> None:
    source = folder / f"{stem}.txt"
    lines = [",".join(line.split()) for line in source.read_text().splitlines()]
    # the attribute file loses its count, and image_id comes before its names
    lines = [f"image_id,{lines[1]}", *lines[2:]] if header is None else [header, *lines]
    (folder / f"{stem}.csv").write_bytes("\r\n".join(lines).encode())
    source.unlink()


def test_kaggles_csvs_are_read_the_same(celeba: Path, own_celeba: Path) -> None:
    to_csv(own_celeba, "list_attr_celeba", None)
    to_csv(own_celeba, "list_eval_partition", "image_id,partition")
    to_csv(own_celeba, "identity_CelebA", "image_id,identity")
    nested = own_celeba / "img_align_celeba" / "img_align_celeba"
    shutil.move(own_celeba / "img_align_celeba", own_celeba / "moving")
    nested.parent.mkdir()
    shutil.move(own_celeba / "moving", nested)
    read = read_celeba(own_celeba)
    assert same_labels(read, read_celeba(celeba))
    assert read.store == FolderStore(nested)


def test_the_official_download_in_its_three_folders(celeba: Path, own_celeba: Path) -> None:
    places = {"Anno": ["list_attr_celeba.txt", "identity_CelebA.txt"], "Eval": ["list_eval_partition.txt"]}
    for place, files in places.items():
        (own_celeba / place).mkdir()
        for name in files:
            shutil.move(own_celeba / name, own_celeba / place / name)
    zip_images(own_celeba)
    (own_celeba / "Img").mkdir()
    shutil.move(own_celeba / "img_align_celeba.zip", own_celeba / "Img" / "img_align_celeba.zip")
    read = read_celeba(own_celeba)
    assert same_labels(read, read_celeba(celeba))
    assert isinstance(read.store, ZipStore)


@pytest.mark.parametrize("inside", ["img_align_celeba", "img_align_celeba/img_align_celeba", "."])
def test_a_zip_holds_the_same_images(celeba: Path, own_celeba: Path, inside: str) -> None:
    zip_images(own_celeba, inside)
    folder, archive = open_store(celeba), open_store(own_celeba)
    assert archive.sizes() == folder.sizes()
    assert archive.read("000007.jpg") == folder.read("000007.jpg")
    with pytest.raises(DatasetError, match="missing"):
        archive.read("999999.jpg")
    with pytest.raises(DatasetError, match="missing"):
        folder.read("999999.jpg")


def test_a_file_that_is_no_zip(own_celeba: Path) -> None:
    shutil.rmtree(own_celeba / "img_align_celeba")
    (own_celeba / "img_align_celeba.zip").write_bytes(b"PK nothing")
    with pytest.raises(DatasetError, match="no readable zip"):
        read_celeba(own_celeba).store.sizes()


def test_a_zip_with_an_image_twice_is_refused(own_celeba: Path) -> None:
    zip_images(own_celeba)
    with zipfile.ZipFile(own_celeba / "img_align_celeba.zip", "a") as archive:
        archive.writestr("copy/000003.jpg", b"")
    with pytest.raises(DatasetError, match=r"holds 000003\.jpg twice"):
        open_store(own_celeba).sizes()


def test_without_identities_all_are_unknown_with_a_note(own_celeba: Path) -> None:
    (own_celeba / "identity_CelebA.txt").unlink()
    read = read_celeba(own_celeba)
    assert (read.identities == -1).all()
    assert any("identities are unknown" in note for note in read.notes)


def test_without_a_partition_one_is_drawn_by_identity_with_a_note(own_celeba: Path) -> None:
    (own_celeba / "list_eval_partition.txt").unlink()
    read, again = read_celeba(own_celeba), read_celeba(own_celeba)
    assert read.partition_kind == "drawn by identity"
    assert any("drawn by identity" in note for note in read.notes)
    assert np.array_equal(read.partition, again.partition)
    assert all(len(np.unique(read.partition[read.identities == person])) == 1 for person in np.unique(read.identities))
    assert set(read.partition) == {0, 1, 2}


def test_with_neither_the_partition_is_drawn_by_image_with_a_note(own_celeba: Path) -> None:
    (own_celeba / "list_eval_partition.txt").unlink()
    (own_celeba / "identity_CelebA.txt").unlink()
    read = read_celeba(own_celeba)
    assert read.partition_kind == "drawn by image"
    assert np.bincount(read.partition).tolist() == [114, 15, 15]


def test_an_identity_in_two_partitions_is_refused_by_name(own_celeba: Path) -> None:
    path = own_celeba / "list_eval_partition.txt"
    lines = path.read_text().splitlines()
    moved = next(k for k, line in enumerate(lines) if line.endswith(" 0"))
    lines[moved] = lines[moved][:-1] + "2"
    path.write_text("\n".join(lines))
    person = read_identity(own_celeba, lines[moved].split()[0])
    with pytest.raises(DatasetError, match=rf"identity {person} is in two partitions of .*: \S+ in train, \S+ in test"):
        read_celeba(own_celeba)


def read_identity(folder: Path, name: str) -> str:
    lines = (folder / "identity_CelebA.txt").read_text().splitlines()
    return dict(line.split() for line in lines)[name]


def test_an_image_without_a_partition_is_refused(own_celeba: Path) -> None:
    path = own_celeba / "list_eval_partition.txt"
    path.write_text("\n".join(path.read_text().splitlines()[:-2]))
    with pytest.raises(DatasetError, match=r"lists no partition for 2 of 144 images, first 000143\.jpg"):
        read_celeba(own_celeba)


def test_what_is_missing_is_named(own_celeba: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="found nothing"):
        read_celeba(tmp_path / "absent")
    (own_celeba / "list_attr_celeba.txt").unlink()
    with pytest.raises(DatasetError, match=r"expected list_attr_celeba\.txt \(or \.csv\)"):
        read_celeba(own_celeba)
    shutil.rmtree(own_celeba / "img_align_celeba")
    with pytest.raises(DatasetError, match="expected img_align_celeba/ with images"):
        read_celeba(own_celeba)


def test_the_card_names_what_is_not_celeba(own_celeba: Path) -> None:
    assert read_celeba(own_celeba).name == "synthetic faces drawn by facedge"
    (own_celeba / "dataset.json").write_text("[]")
    with pytest.raises(DatasetError, match="should be JSON like"):
        read_celeba(own_celeba)
    (own_celeba / "dataset.json").unlink()
    assert read_celeba(own_celeba).name == "CelebA (144 images of it)"
    assert "non-commercial" in read_celeba(own_celeba).licence


def test_the_folder_above_is_answered_with_the_one_to_give(celeba: Path, tmp_path: Path) -> None:
    """torchvision's root holds celeba/, which holds the files."""
    (tmp_path / "celeba").symlink_to(celeba)
    with pytest.raises(DatasetError, match=r"in \S+: it lies in \S+/celeba, give that folder"):
        read_celeba(tmp_path)
    with pytest.raises(DatasetError, match=r"give the folder that holds img_align_celeba$"):
        read_celeba(celeba / "img_align_celeba")


def test_of_text_and_csv_the_one_that_is_not_read_is_named(celeba: Path, own_celeba: Path) -> None:
    text = own_celeba / "list_attr_celeba.txt"
    whole = text.read_text()
    to_csv(own_celeba, "list_attr_celeba", None)
    text.write_text(whole)
    read = read_celeba(own_celeba)
    assert same_labels(read, read_celeba(celeba))
    assert any(
        "list_attr_celeba.txt and" in note and "remove the one that is out of date" in note for note in read.notes
    )
    text.write_text(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match=r"; there is \S+/list_attr_celeba\.csv too: remove list_attr_celeba\.txt"):
        read_celeba(own_celeba)


def test_identities_of_other_names_are_an_error(own_celeba: Path) -> None:
    path = own_celeba / "identity_CelebA.txt"
    whole = path.read_text()
    path.write_text("\n".join(line.lstrip("0") for line in whole.splitlines()))
    with pytest.raises(DatasetError, match=r"none of the 144 listed images \(it has 1\.jpg, .* have 000001\.jpg\)"):
        read_celeba(own_celeba)
    path.write_text("\n".join(line.lstrip("0") if k else line for k, line in enumerate(whole.splitlines())))
    assert any("no identity for 143 of 144 images" in note for note in read_celeba(own_celeba).notes)


@pytest.mark.parametrize(
    "name", ["list_attr_celeba.txt", "identity_CelebA.txt", "list_eval_partition.csv", "dataset.json"]
)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("nowhere")])
def test_a_label_file_that_is_no_file_is_not_taken_for_absent(
    name: str, make: Callable[[Path], None], own_celeba: Path
) -> None:
    """Without its partition the data set would be split anew, without its identities trained without them."""
    (own_celeba / name).unlink(missing_ok=True)
    make(own_celeba / name)
    with pytest.raises(DatasetError, match=rf"{name} is no regular file: put the file itself in its place"):
        read_celeba(own_celeba)


@pytest.mark.real
def test_the_real_partition_counts(shared_data: Path) -> None:
    read = read_celeba(shared_data / "celeba")
    assert np.bincount(read.partition).tolist() == [18_968, 2_154, 3_734]
    people = [len(np.unique(read.identities[read.partition == side])) for side in range(3)]
    assert people == [6_027, 100, 180]
    assert read.partition_kind == "from list_eval_partition.txt"
    assert read.notes == ()
