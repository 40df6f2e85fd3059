"""A bundle in one file, as the web page saves it: the same checks as for a directory, within bounds."""

import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("onnx")

from bundle_mutations import fresh, mutations
from zips import DEFLATED, bad_zips, build, entries_of, sound_zips

from facedge.bundle import read_bundle
from facedge.bundle.archive import MOST_ENTRIES
from facedge.bundle.resolve import resolve_bundle
from facedge.errors import BundleError
from facedge.runtime.check import check_bundle
from facedge.runtime.verifier import load


def zipped(bundle: Path, target: Path, folder: str = "me.facedge/", method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(target, "w", method) as archive:
        for path in sorted(bundle.iterdir()):
            archive.write(path, folder + path.name)
    return target


@pytest.mark.parametrize("folder", ["", "me.facedge/"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_is_the_bundle_that_was_zipped(tiny_bundle: Path, tmp_path: Path, folder: str, method: int) -> None:
    path = zipped(tiny_bundle, tmp_path / "me.facedge.zip", folder, method)
    one, other = read_bundle(path), read_bundle(tiny_bundle)
    assert (one.sha256, dict(one.files)) == (other.sha256, dict(other.files))
    assert load(path).threshold == load(tiny_bundle).threshold
    assert [finding.message for finding in check_bundle(path) if not finding.ok] == []


def test_its_name_is_a_path_and_never_a_person(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zipped(tiny_bundle, tmp_path / "me.facedge.zip")
    monkeypatch.chdir(tmp_path)
    assert resolve_bundle("me.facedge.zip") == Path("me.facedge.zip")
    with pytest.raises(BundleError, match=r"absent\.facedge\.zip: expected a bundle, got nothing there"):
        read_bundle("absent.facedge.zip")


def test_what_a_directory_may_not_hold_a_zip_may_not_either(tiny_bundle: Path, tmp_path: Path) -> None:
    path = zipped(tiny_bundle, tmp_path / "me.facedge.zip", "")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("evil.sh", "rm")
    with pytest.raises(BundleError, match=r"'evil\.sh' is in the bundle but not in its manifest"):
        read_bundle(path)
    spoiled = zipped(tiny_bundle, tmp_path / "other.facedge.zip", "")
    data = bytearray(spoiled.read_bytes())
    data[len(data) // 2] ^= 1
    spoiled.write_bytes(data)
    with pytest.raises(BundleError):
        read_bundle(spoiled)


def test_a_member_is_not_unpacked_beyond_its_size(tiny_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "me.facedge.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in tiny_bundle.iterdir():
            archive.writestr(file.name, bytes(1 << 27) if file.name == "backbone.onnx" else file.read_bytes())
    with pytest.raises(BundleError, match=r"backbone\.onnx has more than"):
        read_bundle(path)


@pytest.mark.parametrize(
    ("members", "found"),
    [
        (["a/"], "0 files in 0 folders"),
        (["a/manifest.json", "b/manifest.sha256"], "2 files in 2 folders"),
        (["a/x", "b/x"], "2 files in 2 folders"),
        ([f"{number}" for number in range(MOST_ENTRIES + 1)], "65 files in 1 folders"),
    ],
)
def test_archives_of_something_else_are_refused(members: list[str], found: str, tmp_path: Path) -> None:
    path = tmp_path / "me.facedge.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for member in members:
            archive.writestr(member, "{}")
    with pytest.raises(BundleError, match=f"{found}: expected the files of one bundle"):
        read_bundle(path)


def test_zips_of_several_programs_are_the_bundle(tiny_bundle: Path, tmp_path: Path) -> None:
    for name, data in sound_zips(tiny_bundle).items():
        (tmp_path / "tiny.facedge.zip").write_bytes(data)
        assert read_bundle(tmp_path / "tiny.facedge.zip").sha256 == read_bundle(tiny_bundle).sha256, name


def test_bad_zips_are_refused_in_one_sentence(tiny_bundle: Path, tmp_path: Path) -> None:
    """Most hold the files of a sound bundle; a host that reads zips in another way would take other bytes for them."""
    path, wrong = tmp_path / "tiny.facedge.zip", []
    for name, data in bad_zips(tiny_bundle):
        path.write_bytes(data)
        try:
            read_bundle(path)
            wrong.append(name)
        except BundleError as problem:
            if "\n" in str(problem):
                wrong.append(f"{name}: {problem}")
    assert wrong == []


@pytest.mark.slow
def test_bad_bundles_are_refused_as_zips_too(tiny_bundle: Path, tmp_path: Path) -> None:
    wrong = []
    for number, mutation in enumerate(mutations(tiny_bundle, 20)):
        folder = fresh(tiny_bundle, tmp_path / "damaged" / "tiny.facedge")
        mutation.spoil(folder)
        path = tmp_path / "tiny.facedge.zip"
        path.write_bytes(build(entries_of(folder, b"tiny.facedge/", DEFLATED if number % 2 else 0)))
        try:
            load(path)
            wrong.append(mutation.name)
        except BundleError:
            pass
    assert wrong == []


def test_what_is_no_plain_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.facedge.zip")
    with pytest.raises(BundleError, match="is not a plain file"):
        read_bundle(tmp_path / "x.facedge.zip")


@given(st.binary(max_size=400))
def test_any_bytes_end_in_one_sentence(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("zip") / "x.facedge.zip"
    for content in (data, b"PK\x05\x06" + data, b"PK\x03\x04" + data):
        path.write_bytes(content)
        with pytest.raises(BundleError) as caught:
            read_bundle(path)
        assert "\n" not in str(caught.value)
