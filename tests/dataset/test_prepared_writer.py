"""Preparing can be interrupted anywhere; resumed, it gives the same bytes."""

import errno
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from prepared_folder import contents, damage

from facedge import files
from facedge.dataset import prepared_writer as writer_module
from facedge.dataset.prepare import prepare_faces
from facedge.dataset.prepared import Faces
from facedge.errors import DatasetError


class Stop(BaseException):
    """Raised in place of KeyboardInterrupt."""


@pytest.mark.parametrize("after", [0, 1, 2, 5, 8])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_run_goes_on_to_the_same_bytes(
    own_celeba: Path, tmp_path: Path, small_chunks: None, after: int, workers: int
) -> None:
    damage(own_celeba)

    def stop(chunks: Iterable[Any], _description: str, total: int | None = None) -> Iterator[Any]:
        assert total == 9
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


def test_frames_after_the_last_state_are_done_again(celeba: Path, tmp_path: Path, small_chunks: None) -> None:
    """A killed process could not save its state: images.npy has more frames than it counts, the last one incomplete."""
    _interrupt(celeba, tmp_path / "F", after=3)
    with (tmp_path / "F" / "images.npy").open("ab") as part:
        part.write(b"x" * 50_000)
    prepare_faces(celeba, tmp_path / "F")
    prepare_faces(celeba, tmp_path / "whole")
    assert contents(tmp_path / "F") == contents(tmp_path / "whole")


def test_interrupted_before_the_last_step(celeba: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, content: dict[str, Any], **options: Any) -> None:
        if path.name == "faces.json":
            raise Stop
        write(path, content, **options)

    write = files.write_json
    monkeypatch.setattr(files, "write_json", fail)
    with pytest.raises(Stop):
        prepare_faces(celeba, tmp_path / "F")
    monkeypatch.undo()
    prepare_faces(celeba, tmp_path / "F")
    prepare_faces(celeba, tmp_path / "whole")
    assert contents(tmp_path / "F") == contents(tmp_path / "whole")


def _interrupt(celeba: Path, out: Path, after: int, limit: int | None = None) -> None:
    def stop(chunks: Iterable[Any], _description: str, _total: int | None = None) -> Iterator[Any]:
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
    open_images = writer_module.PreparedWriter._open_images
    monkeypatch.setattr(
        writer_module.PreparedWriter,
        "_open_images",
        lambda self: FullDisk(open_images(self), 3_000_000),
    )
    with pytest.raises(DatasetError, match=r"the disk of .* is full: free some space and run the command again"):
        prepare_faces(celeba, tmp_path / "F")
    monkeypatch.undo()
    assert prepare_faces(celeba, tmp_path / "F").resumed_at == 64
    prepare_faces(celeba, tmp_path / "whole")
    assert contents(tmp_path / "F") == contents(tmp_path / "whole")


def test_too_little_space_is_found_before_the_work(
    celeba: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 5_000_000})()
    monkeypatch.setattr(writer_module.shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(DatasetError, match=r"has 5 MB free and 144 faces need 10 MB"):
        prepare_faces(celeba, tmp_path / "F")


def test_two_runs_do_not_fill_one_folder(celeba: Path, tmp_path: Path, small_chunks: None) -> None:
    def meanwhile(items: Iterable[Any], _description: str, _total: int | None = None) -> Iterator[Any]:
        chunks = iter(items)
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
    with pytest.raises(DatasetError, match=r"shorter than prepare\.json records"):
        prepare_faces(celeba, tmp_path / "F")
    state.write_text('{"done": 3}')
    with pytest.raises(DatasetError, match=r"cannot be read .* remove .* and start again"):
        prepare_faces(celeba, tmp_path / "F")


def test_temporary_files_of_a_killed_run_are_removed(celeba: Path, tmp_path: Path, small_chunks: None) -> None:
    (tmp_path / "F").mkdir()
    files.temporary_sibling(tmp_path / "F" / "prepare.json").write_text("{")  # killed while it wrote its first state
    _interrupt(celeba, tmp_path / "F", after=2)
    files.temporary_sibling(tmp_path / "F" / "names.npy").write_bytes(b"")
    prepare_faces(celeba, tmp_path / "F")
    prepare_faces(celeba, tmp_path / "whole")
    assert contents(tmp_path / "F") == contents(tmp_path / "whole")
