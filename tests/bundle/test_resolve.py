"""A value means a path or a person's name, the same everywhere; names are letters of any script."""

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from facedge.bundle import resolve
from facedge.bundle.format import MANIFEST, SUFFIX
from facedge.errors import BundleError, InputError, StorageError


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data directory, and a working directory of its own."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    return tmp_path / "share" / "facedge"


def enroll(data: Path, name: str) -> Path:
    bundle = data / f"{name}{SUFFIX}"
    bundle.mkdir(parents=True)
    (bundle / MANIFEST).touch()
    return bundle


def test_a_name_is_an_enrolled_person_and_never_a_folder_of_that_name(data: Path) -> None:
    bundle = enroll(data, "ana")
    Path("ana").mkdir()
    Path("ana", MANIFEST).touch()
    assert resolve.resolve_bundle("ana") == bundle
    assert resolve.resolve_person("ana") == bundle


@pytest.mark.parametrize("text", ["./ana", "sub/ana", "/absolute/ana", "ana.facedge", "sub/ana.facedge"])
def test_a_slash_or_the_suffix_means_a_path(data: Path, text: str) -> None:
    enroll(data, "ana")
    assert resolve.resolve_bundle(text) == Path(text)


def test_a_path_object_is_a_path(data: Path) -> None:
    enroll(data, "ana")
    assert resolve.resolve_bundle(Path("ana")) == Path("ana")


@pytest.mark.parametrize("value", ["", "  ", "\t", Path(), Path()])
def test_an_empty_value_is_refused(value: str | Path) -> None:
    with pytest.raises(InputError, match="got an empty value"):
        resolve.resolve_bundle(value)


def test_somebody_who_is_not_enrolled_is_named_with_those_who_are(data: Path) -> None:
    with pytest.raises(BundleError, match=r"nobody called 'ben' is enrolled \(enrolled: nobody\)"):
        resolve.resolve_bundle("ben")
    enroll(data, "zoe")
    enroll(data, "ana")
    with pytest.raises(BundleError, match=r"nobody called 'ben' is enrolled \(enrolled: ana, zoe\)"):
        resolve.resolve_bundle("ben")


def test_without_a_value_the_only_person_is_meant(data: Path) -> None:
    assert resolve.resolve_person(None) == resolve.pretrained()
    bundle = enroll(data, "ana")
    assert resolve.resolve_person(None) == bundle
    assert resolve.resolve_bundle(None) == resolve.pretrained()
    enroll(data, "ben")
    with pytest.raises(BundleError, match=r"2 people are enrolled \(ana, ben\): choose one with --bundle NAME"):
        resolve.resolve_person(None)


def test_an_unfinished_bundle_is_nobody(data: Path) -> None:
    (data / f"ana{SUFFIX}").mkdir(parents=True)
    assert resolve.people() == []


@pytest.mark.parametrize(
    "name",
    [
        "ana",
        "José",
        "O'Brien",
        "Анна",
        "अनीता",
        "தமிழ்",
        "李小龍",
        "محمد",
        "Jean-Luc",
        "Dr. Who 2",
        "a_b",
        "7",
        "O’Neill",
    ],
)
def test_names_of_every_script(data: Path, name: str) -> None:
    assert resolve.person_name(name) == unicodedata.normalize("NFC", name)
    assert resolve.bundle_of(name) == data / f"{unicodedata.normalize('NFC', name)}{SUFFIX}"


def test_one_name_in_two_normal_forms_is_one_person(data: Path) -> None:
    bundle = enroll(data, "José")
    assert resolve.resolve_bundle(unicodedata.normalize("NFD", "José")) == bundle


@pytest.mark.parametrize(
    "name", ["", ".", "..", "-a", " a", "a ", "a.", "'a", "a/b", "a\\b", "a\nb", "a\0b", "é" * 101, "🙂"]
)
def test_what_cannot_name_a_file_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="expected a name of letters and digits"):
        resolve.person_name(name)


def test_the_message_shows_the_name_it_would_take() -> None:
    with pytest.raises(InputError, match="such as 'ana b c'"):
        resolve.person_name("ana/b\nc")


def test_the_data_directory_is_private(data: Path) -> None:
    data.mkdir(parents=True, mode=0o755)
    assert resolve.private_data_home() == data
    assert data.stat().st_mode & 0o777 == 0o700


def test_a_relative_xdg_directory_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG Base Directory Specification: relative paths are invalid and to be ignored."""
    monkeypatch.setenv("XDG_DATA_HOME", "share")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve.data_home() == tmp_path / ".local" / "share" / "facedge"


def test_without_a_home_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(StorageError, match="set HOME, or XDG_DATA_HOME"):
        resolve.data_home()


def test_a_data_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    with pytest.raises(StorageError, match=r"the data directory .* cannot be used \(.*\): make it writable"):
        resolve.private_data_home()


@pytest.mark.parametrize(
    "call", [resolve.people, lambda: resolve.resolve_bundle("ana"), lambda: resolve.bundle_path("ana")]
)
def test_another_users_data_directory_is_named_with_its_owner(
    data: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[], object]
) -> None:
    """Root may read every folder, so that the refusal is made here."""
    enroll(data, "ana")

    def refuse(_folder: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.setattr(os, "geteuid", lambda: data.stat().st_uid + 1)
    with pytest.raises(
        StorageError, match=r"belongs to user \d+ and cannot be used by user \d+ .*: run the command as"
    ):
        call()
    monkeypatch.setattr(os, "geteuid", lambda: data.stat().st_uid)
    with pytest.raises(StorageError, match=r"cannot be used \(Permission denied\): make it writable"):
        call()


def test_a_data_directory_that_cannot_be_written_is_noticed_before_any_work(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve.check_data_home()
    assert not data.parent.exists()
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with pytest.raises(StorageError, match="set XDG_DATA_HOME to another absolute path"):
        resolve.check_data_home()


def test_the_packages_bundle_by_name() -> None:
    assert resolve.pretrained("edge") == resolve.pretrained("edge.facedge") == resolve.pretrained()
    with pytest.raises(BundleError, match="no bundle called 'other'"):
        resolve.pretrained("other")


def test_the_package_carries_one_bundle_and_its_card() -> None:
    assert sorted(path.name for path in resolve.pretrained().parent.iterdir()) == ["MODEL_CARD.md", "edge.facedge"]
