"""files.py: whole or not at all, in place in one step, locked between processes; full disks in one sentence."""

import errno
import json
import multiprocessing
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from facedge import files
from facedge.errors import RunError, StorageError

LOCK_AND_WAIT = """
import sys
from pathlib import Path
from facedge.files import locked
with locked(Path(sys.argv[1])) as held:
    print("held" if held else "not held", flush=True)
    sys.stdin.readline()
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    files.write_bytes(target, b"old")
    files.write_json(target, {"name": "José", "rate": 0.5})
    assert json.loads(target.read_text(encoding="utf-8")) == {"name": "José", "rate": 0.5}
    assert "José" in target.read_text(encoding="utf-8")
    assert target.read_bytes().endswith(b"}\n")
    assert names(tmp_path) == ["a.json"]


def test_numbers_that_json_lacks_are_not_written(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"rate": 1.0})
    with pytest.raises(ValueError, match="Out of range float"):
        files.write_json(tmp_path / "a.json", {"rate": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"rate": 1.0}


def test_a_failed_block_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), files.replacing(target) as temporary:
        temporary.write_bytes(b"half")
        assert files.leftovers(target) == [temporary]
        raise KeyboardInterrupt
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_permissions_are_those_asked_for(tmp_path: Path, mode: int) -> None:
    before = os.umask(0o022)
    try:
        files.write_bytes(tmp_path / "a", b"", mode=mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


def test_leftovers_are_those_of_one_name(tmp_path: Path) -> None:
    odd = tmp_path / "a[1]*.npy"
    mine = files.temporary_sibling(odd)
    mine.touch()
    files.temporary_sibling(tmp_path / "other").touch()
    (tmp_path / ".a1x.npy.abc.tmp").touch()
    assert files.leftovers(odd) == [mine]


@pytest.mark.parametrize("swap", [True, False])
def test_a_directory_takes_the_place_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swap: bool) -> None:
    if not swap:
        monkeypatch.setattr(files, "_exchange", lambda *_: False)
    target = tmp_path / "b"
    for text in ("first", "second"):
        staging = files.temporary_sibling(target)
        staging.mkdir()
        (staging / text).touch()
        files.replace_directory(staging, target)
        assert names(target) == [text]
        assert names(tmp_path) == ["b"]


def test_the_old_directory_comes_back_where_the_new_one_cannot_be_placed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_exchange", lambda *_: False)
    target = tmp_path / "b"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(OSError, match="No such file"):
        files.replace_directory(tmp_path / "absent", target)
    assert names(target) == ["old"]


@pytest.mark.parametrize("error", [StorageError, RunError])
def test_a_full_disk_is_one_sentence(tmp_path: Path, error: type[StorageError]) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with (
        pytest.raises(error, match=r"the disk of .* is full: free some space"),
        files.replacing(tmp_path / "a", error=error) as temporary,
    ):
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_folder_that_is_absent_or_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in ("absent", "file"):
        with pytest.raises(StorageError, match=rf"cannot write to .*{folder} \(.*\): check the folder"):
            files.write_bytes(tmp_path / folder / "a", b"")


def test_other_errors_pass_through() -> None:
    with pytest.raises(ZeroDivisionError), files.storage_errors(Path()):
        raise ZeroDivisionError
    with pytest.raises(RunError, match="mine"), files.storage_errors(Path()):
        raise RunError("mine")


def test_a_lock_holds_between_processes_and_ends_with_its_process(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    command = [sys.executable, "-c", LOCK_AND_WAIT, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with files.locked(lock, wait=False) as held:
            assert not held
        other.kill()
    with files.locked(lock, wait=False) as held:
        assert held
    assert lock.exists()


def add_one(lock: Path, number: Path) -> None:
    for _ in range(20):
        with files.locked(lock):
            number.write_text(str(int(number.read_text()) + 1))


def test_no_update_under_the_lock_is_lost(tmp_path: Path) -> None:
    number = tmp_path / "number"
    number.write_text("0")
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=add_one, args=(tmp_path / "lock", number)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert number.read_text() == "80"


def test_json_of_a_name_that_is_no_utf8_is_valid_and_read_back(tmp_path: Path) -> None:
    name = os.fsdecode(b"faces\xff")
    files.write_json(tmp_path / "a.json", {"source": name, "name": "é"})
    text = (tmp_path / "a.json").read_bytes().decode("utf-8")
    assert "é" in text
    assert json.loads(text)["source"] == name
