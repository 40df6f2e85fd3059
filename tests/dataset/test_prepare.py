"""Preparing is deterministic, and every skipped image is counted and listed."""

import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from prepared_folder import contents, damage

from facedge.dataset.prepare import prepare_faces
from facedge.errors import DatasetError, InputError
from facedge.imaging import load_rgb
from facedge.preprocessing import resize_grey

FILES = ["attributes.npy", "faces.json", "identities.npy", "images.npy", "names.npy", "partition.npy"]


def test_the_folder_holds_what_the_dataset_says(celeba: Path, tmp_path: Path) -> None:
    done = prepare_faces(celeba, tmp_path / "F")
    assert sorted(contents(tmp_path / "F")) == FILES
    faces = done.faces
    assert len(faces) == 144
    assert faces.images.shape == (144, 218, 178)
    assert faces.images.dtype == np.uint8
    assert isinstance(faces.images, np.memmap)
    source = celeba / "img_align_celeba" / "000031.jpg"
    assert np.array_equal(faces.images[30], resize_grey(load_rgb(source), (218, 178))[0])
    assert np.array_equal(faces.load_source(30), load_rgb(source))
    assert faces.names[30] == "000031.jpg"
    assert [len(faces.indices(side)) for side in ("train", "validation", "test")] == [120, 12, 12]
    assert faces.info["counts"]["train"] == {"images": 120, "identities": 20}
    assert faces.info["name"] == "synthetic faces drawn by facedge"
    assert faces.info["partition"] == "from list_eval_partition.txt"


def test_workers_do_not_change_a_byte(celeba: Path, tmp_path: Path, small_chunks: None) -> None:
    prepare_faces(celeba, tmp_path / "one", workers=1)
    prepare_faces(celeba, tmp_path / "two", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_zip_gives_the_same_faces_with_two_workers(
    celeba: Path, own_celeba: Path, tmp_path: Path, small_chunks: None
) -> None:
    images = own_celeba / "img_align_celeba"
    with zipfile.ZipFile(own_celeba / "img_align_celeba.zip", "w") as archive:
        for path in images.iterdir():
            archive.write(path, f"img_align_celeba/{path.name}")
    shutil.rmtree(images)
    zipped = prepare_faces(own_celeba, tmp_path / "zip", workers=2).faces
    assert np.array_equal(zipped.images, prepare_faces(celeba, tmp_path / "folder").faces.images)
    assert np.array_equal(zipped.load_source(3), load_rgb(celeba / "img_align_celeba" / "000004.jpg"))


def test_half_scale_images_are_brought_to_the_frame(own_celeba: Path, tmp_path: Path) -> None:
    path = own_celeba / "img_align_celeba" / "000001.jpg"
    with Image.open(path) as image:
        image.resize((89, 109)).save(path, quality=95)
    faces = prepare_faces(own_celeba, tmp_path / "F").faces
    assert np.array_equal(faces.images[0], resize_grey(load_rgb(path), (218, 178))[0])
    assert faces.load_source(0).shape == (109, 89, 3)


def test_a_finished_folder_is_kept_and_a_foreign_one_not_touched(celeba: Path, tmp_path: Path) -> None:
    first = prepare_faces(celeba, tmp_path / "F")
    before = contents(tmp_path / "F")
    again = prepare_faces(celeba, tmp_path / "F")
    assert again.resumed_at == 144
    assert contents(tmp_path / "F") == before
    assert len(again.faces) == len(first.faces)
    with pytest.raises(DatasetError, match="holds other prepared faces"):
        prepare_faces(celeba, tmp_path / "F", limit=50)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(DatasetError, match="holds other files already"):
        prepare_faces(celeba, tmp_path / "mine")
    assert contents(tmp_path / "mine") == {"thesis.txt": b"precious"}


def test_bad_images_are_counted_listed_and_skipped(own_celeba: Path, tmp_path: Path) -> None:
    damage(own_celeba)
    done = prepare_faces(own_celeba, tmp_path / "F", max_bad=0.03)
    assert [name for name, _ in done.skipped] == [f"0000{k}.jpg" for k in (10, 11, 12, 13)]
    reasons = dict(done.skipped)
    assert reasons["000010.jpg"] == "missing"
    assert reasons["000011.jpg"] == "expected a JPEG, PNG, WebP, BMP, GIF or TIFF image, but is empty (0 bytes)"
    assert "cut short" in reasons["000012.jpg"]
    assert "has 178 x 200 pixels" in reasons["000013.jpg"]
    assert len(done.faces) == 140
    assert done.faces.info["skipped"] == [{"name": name, "reason": reason} for name, reason in done.skipped]
    assert "000010.jpg" not in done.faces.names
    assert prepare_faces(own_celeba, tmp_path / "F", max_bad=0.03).skipped == done.skipped
    full = prepare_faces(own_celeba, tmp_path / "two", max_bad=0.03, workers=2)
    assert contents(tmp_path / "two") == contents(tmp_path / "F")
    row = int(np.flatnonzero(full.faces.names == "000014.jpg")[0])
    assert np.array_equal(full.faces.load_source(row), load_rgb(own_celeba / "img_align_celeba" / "000014.jpg"))


def test_too_many_bad_images_are_an_error(own_celeba: Path, tmp_path: Path) -> None:
    damage(own_celeba)
    with pytest.raises(DatasetError, match=r"4 or more of 144 listed images .* --max-bad allows 1 \(000010"):
        prepare_faces(own_celeba, tmp_path / "F")
    with pytest.raises(DatasetError, match=r"1 or more of 144 .* allows 0 \(000010\.jpg: missing\)"):
        prepare_faces(own_celeba, tmp_path / "G", max_bad=0)
    assert not (tmp_path / "G").exists()


def test_converted_images_are_named(own_celeba: Path, tmp_path: Path) -> None:
    for path in (own_celeba / "img_align_celeba").iterdir():
        path.rename(path.with_suffix(".png"))
    with pytest.raises(DatasetError, match=r"holds 000001\.png where the labels list 000001\.jpg: use the original"):
        prepare_faces(own_celeba, tmp_path / "F")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_a_fifo_is_skipped(own_celeba: Path, tmp_path: Path) -> None:
    path = own_celeba / "img_align_celeba" / "000010.jpg"
    path.unlink()
    os.mkfifo(path)
    done = prepare_faces(own_celeba, tmp_path / "F", max_bad=0.01)
    assert done.skipped == (("000010.jpg", "is no regular file"),)


def test_nothing_left_is_an_error(own_celeba: Path, tmp_path: Path) -> None:
    for path in (own_celeba / "img_align_celeba").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DatasetError, match="none of the 144 listed images"):
        prepare_faces(own_celeba, tmp_path / "F", max_bad=1)


def test_a_limit_takes_whole_people_from_every_side(celeba: Path, tmp_path: Path) -> None:
    faces = prepare_faces(celeba, tmp_path / "F", limit=72).faces
    assert [len(faces.indices(side)) for side in ("train", "validation", "test")] == [60, 6, 6]
    assert (np.unique(faces.identities, return_counts=True)[1] == 6).all()


def test_arguments_are_checked(celeba: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="max_bad"):
        prepare_faces(celeba, tmp_path / "F", max_bad=1.5)
    with pytest.raises(InputError, match="limit"):
        prepare_faces(celeba, tmp_path / "F", limit=0)


@pytest.mark.real
def test_a_real_subset_at_both_scales(shared_data: Path, tmp_path: Path) -> None:
    faces = prepare_faces(shared_data / "celeba", tmp_path / "F", limit=300).faces
    assert [len(faces.indices(side)) for side in ("train", "validation", "test")] == [229, 26, 45]
    shapes = {faces.load_source(row).shape for row in range(len(faces))}
    assert shapes == {(109, 89, 3), (218, 178, 3)}
    assert 90 < faces.images.mean() < 150
