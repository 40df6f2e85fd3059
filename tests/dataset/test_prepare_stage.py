"""Preparing is deterministic, can be stopped anywhere and taken up, and never skips in silence."""

import errno
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from PIL import Image

from facedge.dataset import prepare as prepare_module
from facedge.dataset import unfinished as unfinished_module
from facedge.dataset.faces import Faces
from facedge.dataset.prepare import prepare_faces
from facedge.errors import DatasetError, InputError
from facedge.imaging import load_rgb
from facedge.preprocessing import resize_grey

FILES = ["attributes.npy", "faces.json", "identities.npy", "images.npy", "names.npy", "partition.npy"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def damage(celeba: Path) -> None:
    """Four bad images of 144: missing, empty, cut short, of another geometry."""
    images = celeba / "img_align_celeba"
    (images / "000010.jpg").unlink()
    (images / "000011.jpg").write_bytes(b"")
    (images / "000012.jpg").write_bytes((images / "000012.jpg").read_bytes()[:2000])
    Image.new("RGB", (178, 200)).save(images / "000013.jpg")


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare_module, "CHUNK", 16)
    monkeypatch.setattr(unfinished_module, "CHECKPOINT_IMAGES", 32)


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


class Stop(BaseException):
    """Stands in for ctrl-C."""


@pytest.mark.parametrize("after", [0, 1, 2, 5, 8])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_run_goes_on_to_the_same_bytes(
    own_celeba: Path, tmp_path: Path, small_chunks: None, after: int, workers: int
) -> None:
    damage(own_celeba)

    def stop(chunks: Iterator[Any], count: int) -> Iterator[Any]:
        assert count == 9
        for number, chunk in enumerate(chunks):
            if number == after:
                raise Stop
            yield chunk

    with pytest.raises(Stop):
        prepare_faces(own_celeba, tmp_path / "F", max_bad=0.05, workers=workers, track=stop)
    with pytest.raises(DatasetError, match="is not finished: run the same facedge prepare command again"):
        Faces.open(tmp_path / "F")
    done = prepare_faces(own_celeba, tmp_path / "F", max_bad=0.05)
    assert done.resumed_at == 16 * after
    prepare_faces(own_celeba, tmp_path / "whole", max_bad=0.05)
    assert contents(tmp_path / "F") == contents(tmp_path / "whole")


def test_frames_behind_the_last_state_are_done_again(celeba: Path, tmp_path: Path, small_chunks: None) -> None:
    """A killed process could not save its state: more frames are there than it says, the last one half."""
    _interrupt(celeba, tmp_path / "F", after=3)
    with (tmp_path / "F" / "images.part").open("ab") as part:
        part.write(b"x" * 50_000)
    prepare_faces(celeba, tmp_path / "F")
    prepare_faces(celeba, tmp_path / "whole")
    assert contents(tmp_path / "F") == contents(tmp_path / "whole")


def test_stopped_between_the_last_two_steps(celeba: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, content: dict[str, Any]) -> None:
        if path.name == "faces.json":
            raise Stop
        write(path, content)

    write = unfinished_module.write_json
    monkeypatch.setattr(unfinished_module, "write_json", fail)
    with pytest.raises(Stop):
        prepare_faces(celeba, tmp_path / "F")
    monkeypatch.undo()
    prepare_faces(celeba, tmp_path / "F")
    prepare_faces(celeba, tmp_path / "whole")
    assert contents(tmp_path / "F") == contents(tmp_path / "whole")


def _interrupt(celeba: Path, out: Path, after: int, limit: int | None = None) -> None:
    def stop(chunks: Iterator[Any], _count: int) -> Iterator[Any]:
        for number, chunk in enumerate(chunks):
            if number == after:
                raise Stop
            yield chunk

    with pytest.raises(Stop):
        prepare_faces(celeba, out, track=stop, limit=limit)


def test_another_dataset_does_not_go_on_where_this_one_stopped(
    own_celeba: Path, tmp_path: Path, small_chunks: None
) -> None:
    _interrupt(own_celeba, tmp_path / "F", after=2)
    image = own_celeba / "img_align_celeba" / "000002.jpg"
    image.write_bytes(image.read_bytes() + b"\0")  # as after a new download
    with pytest.raises(DatasetError, match="interrupted preparation of another dataset"):
        prepare_faces(own_celeba, tmp_path / "F")


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
    assert reasons["000011.jpg"] == "expected a JPEG, PNG, WebP or BMP image, but is empty (0 bytes)"
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


def test_nothing_left_is_an_error(own_celeba: Path, tmp_path: Path) -> None:
    for path in (own_celeba / "img_align_celeba").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DatasetError, match="none of the 144 listed images"):
        prepare_faces(own_celeba, tmp_path / "F", max_bad=1)


def test_a_limit_takes_whole_people_from_every_side(celeba: Path, tmp_path: Path) -> None:
    faces = prepare_faces(celeba, tmp_path / "F", limit=72).faces
    assert [len(faces.indices(side)) for side in ("train", "validation", "test")] == [60, 6, 6]
    assert (np.unique(faces.identities, return_counts=True)[1] == 6).all()


class FullDisk:
    """A file on a disk with room for `room` more bytes."""

    def __init__(self, file: IO[bytes], room: int) -> None:
        self._file, self._room = file, room

    def write(self, data: Any) -> int:
        self._room -= memoryview(data).nbytes
        if self._room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def test_a_disk_that_fills_up_is_one_sentence_and_the_run_can_go_on(
    celeba: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_chunks: None
) -> None:
    open_part = unfinished_module.Unfinished._open_part
    monkeypatch.setattr(
        unfinished_module.Unfinished,
        "_open_part",
        lambda self: FullDisk(open_part(self), 3_000_000),
    )
    with pytest.raises(DatasetError, match=r"the disk of .* is full: free some space and run the same command again"):
        prepare_faces(celeba, tmp_path / "F")
    monkeypatch.undo()
    assert prepare_faces(celeba, tmp_path / "F").resumed_at == 64
    prepare_faces(celeba, tmp_path / "whole")
    assert contents(tmp_path / "F") == contents(tmp_path / "whole")


def test_too_little_space_is_found_before_the_work(
    celeba: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 5_000_000})()
    monkeypatch.setattr(unfinished_module.shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(DatasetError, match=r"has 5 MB free and 144 faces need 10 MB"):
        prepare_faces(celeba, tmp_path / "F")


def test_two_runs_do_not_fill_one_folder(celeba: Path, tmp_path: Path, small_chunks: None) -> None:
    def meanwhile(chunks: Iterator[Any], _count: int) -> Iterator[Any]:
        yield next(chunks)
        yield next(chunks)  # the state is on disk now
        with pytest.raises(DatasetError, match="another facedge prepare is filling"):
            prepare_faces(celeba, tmp_path / "F")
        yield from chunks

    assert len(prepare_faces(celeba, tmp_path / "F", track=meanwhile).faces) == 144


def test_a_damaged_state_is_one_sentence(celeba: Path, tmp_path: Path, small_chunks: None) -> None:
    _interrupt(celeba, tmp_path / "F", after=2)
    state = tmp_path / "F" / "prepare.json"
    good = json.loads(state.read_text())
    state.write_text(json.dumps(good | {"frames": 100}))
    with pytest.raises(DatasetError, match="shorter than its state says"):
        prepare_faces(celeba, tmp_path / "F")
    state.write_text('{"done": 3}')
    with pytest.raises(DatasetError, match=r"cannot be read .* remove .* and start again"):
        prepare_faces(celeba, tmp_path / "F")


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
