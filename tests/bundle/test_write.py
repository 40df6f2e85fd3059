"""Bundles on the disk: written all or nothing, replaced in one step, private where asked."""

import errno
import os
import stat
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("onnx")

import tiny_bundle

from facedge import files
from facedge.bundle import format as bundle_format
from facedge.bundle import read_bundle, write, write_bundle
from facedge.errors import BundleError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = tiny_bundle.write_tiny(tmp_path / "deep" / "er" / "a.facedge")
    again = read_bundle(tmp_path / "deep" / "er" / "a.facedge")
    assert again == written
    assert again.files == tiny_bundle.files()
    assert names(tmp_path / "deep" / "er") == ["a.facedge"]


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (tiny_bundle.write_tiny(tmp_path / f"{name}.facedge") for name in "ab")
    assert one.sha256 == two.sha256


def test_sha256sum_checks_the_manifest(tiny_bundle: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "-c", bundle_format.SEAL], cwd=tiny_bundle, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "manifest.json: OK\n")


@pytest.mark.parametrize("exchange", [True, False], ids=["renameat2", "two renames"])
def test_a_bundle_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: bool) -> None:
    if not exchange:
        monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    path = tmp_path / "a.facedge"
    old = tiny_bundle.write_tiny(path)
    new = tiny_bundle.write_tiny(path, name="new")
    assert read_bundle(path).manifest.name == "new"
    assert new.sha256 != old.sha256
    assert names(tmp_path) == ["a.facedge"]


@pytest.mark.parametrize("exchange", [True, False], ids=["renameat2", "two renames"])
def test_a_full_disk_leaves_the_old_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: bool) -> None:
    path = tmp_path / "a.facedge"
    old = tiny_bundle.write_tiny(path)

    def full(target: Path, data: bytes, mode: int) -> None:
        if target.name == bundle_format.MANIFEST:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        target.write_bytes(data)

    monkeypatch.setattr(write, "_write_synced", full)
    with pytest.raises(OSError, match="No space left"):
        tiny_bundle.write_tiny(path, name="new")
    assert read_bundle(path) == old
    assert names(tmp_path) == ["a.facedge"]


def test_a_failed_rename_puts_the_old_bundle_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.facedge"
    old = tiny_bundle.write_tiny(path)
    monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    rename, calls = Path.rename, []

    def failing(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="Input/output"):
        tiny_bundle.write_tiny(path, name="new")
    monkeypatch.undo()
    assert read_bundle(path) == old
    assert names(tmp_path) == ["a.facedge"]


def test_a_private_bundle_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "me.facedge"
    write_bundle(path, tiny_bundle.files(), tiny_bundle.manifest(), private=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.iterdir()} == {0o600}


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000])
def test_the_umask_is_honoured(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        path = tiny_bundle.write_tiny(tmp_path / "a.facedge").path
    finally:
        os.umask(before)
    assert stat.S_IMODE((path / bundle_format.MANIFEST).stat().st_mode) == 0o644 & ~mask
    assert stat.S_IMODE(path.stat().st_mode) == 0o755 & ~mask


@pytest.mark.parametrize("name", ["a", "a.onnx", ".facedge", "..facedge"])
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match=r"ends in \.facedge"):
        tiny_bundle.write_tiny(tmp_path / name)


def test_what_is_no_bundle_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "file.facedge").write_text("precious")
    (tmp_path / "folder.facedge").mkdir()
    (tmp_path / "folder.facedge" / "photo.jpg").write_text("precious")
    (tmp_path / "link.facedge").symlink_to(tmp_path / "folder.facedge")
    for name in ("file", "folder", "link"):
        with pytest.raises(BundleError, match="exists and is not a bundle"):
            tiny_bundle.write_tiny(tmp_path / f"{name}.facedge")
    assert (tmp_path / "folder.facedge" / "photo.jpg").read_text() == "precious"


def test_only_known_files_are_written(tmp_path: Path) -> None:
    for name in ("../x", "weights.bin", "/tmp/x", "golden_.npy"):
        with pytest.raises(BundleError, match="which is no file of a bundle"):
            write_bundle(tmp_path / "a.facedge", {**tiny_bundle.files(), name: b"x"}, tiny_bundle.manifest())
    with pytest.raises(BundleError, match=r"a bundle needs head\.onnx, got only backbone\.onnx"):
        write_bundle(tmp_path / "a.facedge", {"backbone.onnx": tiny_bundle.backbone_onnx()}, tiny_bundle.manifest())
    with pytest.raises(BundleError, match=r"a bundle needs backbone\.int8\.onnx"):
        tiny_bundle.write_tiny(tmp_path / "a.facedge", precision="int8")
    assert names(tmp_path) == []


def test_what_is_no_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.facedge").write_text("x")
    with pytest.raises(BundleError, match=r"a\.facedge: expected a bundle directory .*, got a file"):
        read_bundle(tmp_path / "a.facedge")
    with pytest.raises(BundleError, match="got nothing there"):
        read_bundle(tmp_path / "b.facedge")
