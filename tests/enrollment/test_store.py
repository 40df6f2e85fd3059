"""Personal bundles on the disk: where they are, what may replace them, and what `forget` deletes and refuses."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from live_bundle import write_template
from tiny_bundle import write_tiny

from facedge.bundle.resolve import bundle_of, bundle_path, data_home, private_data_home, resolve_person
from facedge.enrollment import store
from facedge.errors import BundleError, InputError
from facedge.files import temporary_sibling
from facedge.live.lockout import Lockout, attempts_file, lock_file


@pytest.fixture(autouse=True)
def own_data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    return tmp_path / "xdg" / "facedge"


def everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_the_data_directory_is_private(own_data_home: Path) -> None:
    assert private_data_home() == own_data_home
    assert own_data_home.stat().st_mode & 0o777 == 0o700
    own_data_home.chmod(0o755)
    private_data_home()
    assert own_data_home.stat().st_mode & 0o777 == 0o700


def test_a_relative_xdg_directory_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert data_home() == Path.home() / ".local" / "share" / "facedge"


@pytest.mark.parametrize("name", ["", "..", ".", "../ana", "a/b", ".hidden", "-x", "a\0b", "x" * 300])
def test_unfit_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="expected a name"):
        bundle_of(name)


def test_names_of_any_script() -> None:
    assert bundle_of("Åsa 2").name == "Åsa 2.facedge"
    assert bundle_of("ana.facedge").name == "ana.facedge"


def test_a_person_is_found_by_name_or_as_the_only_one() -> None:
    ana = write_tiny(bundle_of("ana")).path
    assert resolve_person(None) == ana
    assert resolve_person("ana") == ana
    with pytest.raises(BundleError, match="nobody called 'nobody' is enrolled"):
        resolve_person("nobody")
    write_tiny(bundle_of("ben"))
    with pytest.raises(BundleError, match="2 people are enrolled"):
        resolve_person(None)


def test_forgetting_deletes_everything_and_lists_it() -> None:
    ana, ben = write_tiny(bundle_of("ana")).path, write_tiny(bundle_of("ben")).path
    others = everything(ben)
    attempts = attempts_file(ana)
    attempts.write_text("{}")
    lock_file(attempts).touch()
    deleted = store.forget(ana)
    assert not ana.exists()
    assert not attempts.exists()
    assert {path.name for path in deleted} >= {"ana.facedge", "head.onnx", attempts.name}
    assert everything(data_home()) == [ben, *others]


def test_leftovers_of_interrupted_writes_are_deleted_too() -> None:
    ana = write_tiny(bundle_of("ana")).path
    names = [path.name for path in ana.iterdir()]
    staging, aside = temporary_sibling(ana), temporary_sibling(ana)
    for folder in (staging, aside.with_name(aside.name + ".old")):
        folder.mkdir()
        for name in names:
            (folder / name).write_bytes(b"")
    temporary_sibling(staging / "enrolled.npy").write_bytes(b"")
    temporary_sibling(attempts_file(ana)).write_text("{}")
    store.forget(ana)
    assert everything(data_home()) == []


def test_leftovers_alone_are_enough_to_be_forgotten() -> None:
    private_data_home()
    staging = temporary_sibling(bundle_of("ana"))
    staging.mkdir()
    (staging / "enrolled.npy").write_bytes(b"")
    store.forget(bundle_of("ana"))
    assert everything(data_home()) == []
    with pytest.raises(BundleError, match=r"no personal bundle there; enrolled in .*: nobody"):
        store.forget(bundle_of("ana"))
    assert everything(data_home()) == []


def test_another_person_s_leftovers_and_strange_ones_stay() -> None:
    write_tiny(bundle_of("ana"))
    longer = temporary_sibling(bundle_of("ana.facedge.b"))  # the name begins alike
    strange = temporary_sibling(bundle_of("ana"))
    for folder in (longer, strange):
        folder.mkdir()
        (folder / "diary.txt").write_text("mine")
    store.forget(bundle_of("ana"))
    assert everything(data_home()) == sorted([longer, longer / "diary.txt", strange, strange / "diary.txt"])


def test_a_damaged_person_can_still_be_forgotten() -> None:
    ana = write_tiny(bundle_of("ana")).path
    (ana / "manifest.json").write_text("{}")
    store.forget(ana)
    assert not ana.exists()


def test_a_forget_that_was_interrupted_can_be_finished() -> None:
    ana = write_tiny(bundle_of("ana")).path
    for name in ("manifest.json", "manifest.sha256", "backbone.onnx"):
        (ana / name).unlink()
    store.forget(ana)
    assert everything(data_home()) == []


def extension(folder: Path) -> None:
    """A browser extension, a folder with a manifest.json of another kind."""
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / "manifest.json").write_text('{"manifest_version": 3}')
    (folder / "background.js").write_text("")


def test_the_folder_of_something_else_is_not_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("me", "me.facedge", "xdg/facedge/extension.facedge"):
        extension(tmp_path / name)
    before = everything(tmp_path)
    for value in ("me", "./me", "me.facedge", ".", "./", "..", "extension", "", "me/../me.facedge"):
        with pytest.raises((BundleError, InputError)) as refused:
            store.forget(bundle_path(value))
        assert "\n" not in str(refused.value)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("change", [
    lambda bundle: (bundle / "notes.txt").write_text("mine"),
    lambda bundle: (bundle / "card.md").mkdir(),
    lambda bundle: (bundle / "card.md").symlink_to(bundle.parent),
])  # fmt: skip
def test_a_bundle_that_holds_something_else_is_not_deleted(change: Callable[[Path], object]) -> None:
    ana = write_tiny(bundle_of("ana")).path
    change(ana)
    before = everything(data_home())
    with pytest.raises(BundleError, match="which is no file of a personal bundle, so nothing was deleted"):
        store.forget(ana)
    assert everything(data_home()) == before


def test_only_people_can_be_forgotten(tmp_path: Path) -> None:
    template = write_template(tmp_path / "t.facedge", people=8).path
    with pytest.raises(BundleError, match="nobody is enrolled"):
        store.forget(template)
    with pytest.raises(BundleError, match="no personal bundle there"):
        store.forget(tmp_path / "nothing.facedge")
    (tmp_path / "link.facedge").symlink_to(write_tiny(tmp_path / "ana.facedge").path)
    with pytest.raises(BundleError, match="no personal bundle there"):
        store.forget(tmp_path / "link.facedge")
    assert template.exists()
    assert (tmp_path / "ana.facedge" / "head.onnx").exists()


def test_outside_the_data_directory_a_damaged_bundle_must_show_that_it_is_a_person_s(tmp_path: Path) -> None:
    """A trained bundle whose manifest was edited is no person's, and may have taken days to train."""
    trained = write_template(tmp_path / "t.facedge", people=8).path
    (trained / "manifest.json").write_text("{}")
    with pytest.raises(BundleError, match=r"is damaged and holds no enrolled\.npy"):
        store.forget(trained)
    assert (trained / "head.onnx").exists()
    (trained / "enrolled.npy").write_bytes(b"")
    store.forget(trained)
    assert not trained.exists()


def test_a_person_elsewhere_can_be_forgotten_by_path(tmp_path: Path) -> None:
    ana = write_tiny(tmp_path / "elsewhere" / "ana.facedge").path
    store.forget(ana)
    assert everything(tmp_path / "elsewhere") == []


def test_what_may_be_replaced(tmp_path: Path) -> None:
    ana = write_tiny(bundle_of("ana")).path
    with pytest.raises(InputError, match=r"ana is enrolled already .*--update .*onto=.*--replace .*replace=True"):
        store.refuse_occupied(ana)
    store.refuse_occupied(ana, replace=True)
    store.refuse_occupied(bundle_of("ben"))
    template = write_template(tmp_path / "t.facedge", people=8).path
    with pytest.raises(BundleError, match="nobody is enrolled in"):
        store.refuse_occupied(template, replace=True)


def test_one_process_at_a_time_holds_the_lock_of_a_person_and_nothing_of_it_stays() -> None:
    """Each of six processes reads a number, waits, and writes the next one; without the lock some would be lost."""
    target = bundle_of("ana")
    private_data_home()
    number = data_home() / "number"
    number.write_text("0")
    script = (
        "import sys, time; from pathlib import Path; from facedge.enrollment.store import person_lock\n"
        "file = Path(sys.argv[2])\n"
        "for _ in range(5):\n"
        "    with person_lock(Path(sys.argv[1])):\n"
        "        found = int(file.read_text()); time.sleep(0.002); file.write_text(str(found + 1))\n"
    )
    command = [sys.executable, "-c", script, str(target), str(number)]
    running = [subprocess.Popen(command) for _ in range(6)]
    assert [process.wait() for process in running] == [0] * 6
    assert number.read_text() == "30"
    assert [path.name for path in data_home().iterdir()] == ["number"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
@pytest.mark.parametrize("call", ["unlink", "rmdir", "fsync"])
def test_a_killed_forget_leaves_a_whole_bundle_or_none_and_the_next_one_finishes(call: str) -> None:
    """Killed at each of its system calls in turn, of those that change or sync the directory."""
    script = (
        "import os, signal, sys; from pathlib import Path; from facedge.enrollment import store\n"
        "real, left = getattr(os, sys.argv[2]), [int(sys.argv[3])]\n"
        "def counted(*args, **options):\n"
        "    left[0] -= 1\n"
        "    if left[0] < 0: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return real(*args, **options)\n"
        "setattr(os, sys.argv[2], counted)\n"
        "store.forget(Path(sys.argv[1]))\n"
    )
    for after in range(20):
        ana = write_tiny(bundle_of("ana")).path
        Lockout(attempts_file(ana))
        done = subprocess.run([sys.executable, "-c", script, str(ana), call, str(after)], check=False)
        whole = {path.name for path in ana.iterdir()} if ana.exists() else set()
        assert "manifest.json" not in whole or whole >= {"manifest.sha256", "head.onnx", "backbone.onnx"}
        if everything(data_home()):
            store.forget(ana)
        assert [os.fspath(path) for path in everything(data_home())] == []
        if done.returncode == 0:
            return
    raise AssertionError("it never ended")
