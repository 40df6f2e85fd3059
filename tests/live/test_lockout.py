"""Failed attempts: counted by all processes together, locked for their time and no longer, whatever is in the file."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from facedge.errors import StorageError
from facedge.files import write_bytes
from facedge.live import lockout
from facedge.live.lockout import MOST_DELAY, Clock, Lockout, lock_file, system_clock

TWO_FAILURES = "import sys; from pathlib import Path; from facedge.live.lockout import Lockout\n" + (
    "lock = Lockout(Path(sys.argv[1]))\nfor _ in range(2): lock.fail(lock.clock.uptime())"
)


class Time:
    """A clock that the test sets."""

    def __init__(self, boot: str = "one", uptime: float = 1000.0, wall: float = 1e9) -> None:
        self.boot, self.uptime, self.wall = boot, uptime, wall

    def clock(self) -> Clock:
        return Clock(self.boot, lambda: self.uptime, lambda: self.wall)

    def passes(self, seconds: float) -> None:
        self.uptime += seconds
        self.wall += seconds


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "attempts.json"


def locked_for(file: Path, time: Time) -> float:
    return Lockout(file, time.clock()).remaining(time.uptime)


def fail(file: Path, time: Time, count: int) -> None:
    for _ in range(count):
        Lockout(file, time.clock()).fail(time.uptime)


def test_five_failures_lock_and_each_further_one_doubles() -> None:
    lock = Lockout()
    assert [lock.fail(0.0) for _ in range(8)] == [0, 0, 0, 0, 30, 60, 120, 240]
    assert lock.remaining(100.0) == 140
    assert lock.remaining(240.0) == 0
    lock.succeed()
    assert lock.fail(300.0) == 0


def test_failures_are_remembered_across_processes(file: Path) -> None:
    time = Time()
    fail(file, time, 5)
    time.passes(10)
    assert locked_for(file, time) == 20
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in file.parent.iterdir()) == ["attempts.json", "attempts.lock"]
    Lockout(file, time.clock()).succeed()
    assert Lockout(file, time.clock()).failures == 0


def test_sixteen_failures_in_eight_processes_count_as_sixteen(file: Path) -> None:
    def run(_number: int) -> int:
        return subprocess.run([sys.executable, "-c", TWO_FAILURES, str(file)], check=True).returncode

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(run, range(8))) == [0] * 8
    assert Lockout(file).failures == 16


def test_a_running_verifier_is_locked_by_the_failures_of_another(file: Path) -> None:
    time = Time()
    running = Lockout(file, time.clock())
    assert running.remaining(time.uptime) == 0
    fail(file, time, 5)
    assert running.remaining(time.uptime) == 30
    assert running.failures == 5


@pytest.mark.parametrize("step", [-86400.0, -1.0, 86400.0])
def test_setting_the_wall_clock_changes_nothing_within_a_boot(file: Path, step: float) -> None:
    time = Time()
    fail(file, time, 6)
    time.wall += step
    time.passes(59)
    assert locked_for(file, time) == 1
    time.passes(1)
    assert locked_for(file, time) == 0


def test_a_lock_holds_over_a_reboot_by_the_wall_clock(file: Path) -> None:
    time = Time()
    fail(file, time, 6)
    time.boot, time.uptime, time.wall = "two", 5.0, time.wall + 20
    assert locked_for(file, time) == 40
    time.passes(40)
    assert locked_for(file, time) == 0


def test_a_clock_behind_after_a_reboot_prolongs_a_lock_by_its_length_at_most(file: Path) -> None:
    """A Pi has no clock of its own: after a reboot it may be a day behind."""
    time = Time()
    fail(file, time, 6)
    time.boot, time.uptime, time.wall = "two", 5.0, time.wall - 86400
    assert locked_for(file, time) == 55
    time.passes(55)
    assert locked_for(file, time) == 0


def test_without_a_boot_id_a_clock_set_back_prolongs_a_lock_by_its_length_at_most(file: Path) -> None:
    time = Time("", 1e9)
    fail(file, time, 6)
    time.passes(-86400)
    assert locked_for(file, time) == 60
    time.passes(61)
    assert locked_for(file, time) == 0


DAMAGED = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"failures": "x"}',
    b'{"failures": 1, "length": NaN, "boot": "", "at": 0, "wall": 0}',
    b'{"failures": 1, "length": 1e999, "boot": "", "at": 0, "wall": 0}',
    b'{"failures": 1, "length": 1, "boot": "", "at": 1e999, "wall": 0}',
    b'{"failures": 1, "length": 1, "boot": "", "at": 0, "wall": -1e999}',
    b'{"failures": 1, "length": -1, "boot": "", "at": 0, "wall": 0}',
    b'{"failures": -1, "length": 1, "boot": "", "at": 0, "wall": 0}',
    b'{"failures": 1%s, "length": 1, "boot": "", "at": 0, "wall": 0}' % (b"0" * 400),
    b'{"failures": 1, "failures": 0, "length": 1, "boot": "", "at": 0, "wall": 0}',
    b'{"failures": 1, "length": 1, "boot": ["x"], "at": 0, "wall": 0}',
    b'{"failures": 1, "until": 5.0}',
    b"[" * 4000,
    b"[" * 100_000,
    b" " * 10_000_000,
    b"\xff\xfe\x00",
    b"\x00" * 150,
]


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_file_locks_once_for_the_full_length(file: Path, content: bytes) -> None:
    time = Time()
    Lockout(file, time.clock())
    write_bytes(file, content)
    lock = Lockout(file, time.clock())
    assert lock.remaining(time.uptime) == MOST_DELAY
    assert "damaged or missing" in lock.notice
    time.passes(MOST_DELAY / 2)
    again = Lockout(file, time.clock())
    assert (again.notice, again.remaining(time.uptime)) == ("", MOST_DELAY / 2)
    time.passes(MOST_DELAY / 2)
    assert locked_for(file, time) == 0
    assert Lockout(file, time.clock()).fail(time.uptime) == 60  # it counted as five failures


def test_a_file_that_is_damaged_or_deleted_meanwhile_locks_once(file: Path) -> None:
    time = Time()
    lock = Lockout(file, time.clock())
    for damage in (lambda: write_bytes(file, b"{"), file.unlink):
        damage()
        assert lock.remaining(time.uptime) == MOST_DELAY
        time.passes(MOST_DELAY)
        assert lock.remaining(time.uptime) == 0


def test_a_missing_file_locks_once_unless_there_never_was_one(file: Path) -> None:
    time = Time()
    assert locked_for(file, time) == 0
    file.unlink()
    assert locked_for(file, time) == MOST_DELAY
    time.passes(MOST_DELAY)
    assert locked_for(file, time) == 0


def test_a_person_who_was_forgotten_leaves_no_file_of_a_running_verifier(file: Path) -> None:
    time = Time()
    lock = Lockout(file, time.clock())
    file.unlink()
    lock_file(file).unlink()
    assert lock.remaining(time.uptime) == MOST_DELAY
    assert list(file.parent.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_a_fifo_in_its_place_hangs_nothing(file: Path) -> None:
    os.mkfifo(file)
    lock_file(file).touch()
    assert Lockout(file).failures == 5
    assert file.is_file()


def test_a_state_that_cannot_be_written_is_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot be counted, so nobody is accepted: .*missing.*--no-lockout"):
        Lockout(tmp_path / "missing" / "attempts.json")


@pytest.mark.parametrize("name", ["ENOSPC", "EROFS"])
def test_a_full_or_read_only_disk(file: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    import errno

    lock = Lockout(file)

    def refuse(*_args: object, **_more: object) -> int:
        raise OSError(getattr(errno, name), os.strerror(getattr(errno, name)))

    monkeypatch.setattr("facedge.files.os.fsync", refuse)
    with pytest.raises(StorageError, match="nobody is accepted"):
        lock.fail(0.0)
    with pytest.raises(StorageError, match="nobody is accepted"):
        Lockout(file)


def test_a_real_full_disk(tmp_path: Path) -> None:
    """A small tmpfs that is filled to the last byte, where mounting is allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run(
            [mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("this user may not mount a small disk")
    try:
        Lockout(disk / "attempts.json").fail(0.0)
        with pytest.raises(OSError, match="space"), (disk / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)
        with pytest.raises(StorageError, match="is full"):
            Lockout(disk / "attempts.json")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_without_lockout(file: Path) -> None:
    lock = Lockout(file, enabled=False)
    assert [lock.fail(0.0) for _ in range(20)] == [0.0] * 20
    assert lock.remaining(0.0) == 0
    assert not file.exists()


@pytest.mark.skipif(not lockout.BOOT_ID.exists(), reason="this system has no boot id")
def test_the_clock_of_this_machine() -> None:
    clock = system_clock()
    assert len(clock.boot) == 36
    assert 0 < clock.uptime() < clock.wall()


def test_a_system_without_a_boot_id(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lockout, "BOOT_ID", tmp_path / "none")
    clock = system_clock()
    assert clock.boot == ""
    assert clock.uptime() == pytest.approx(clock.wall(), abs=1)
