"""Images are found at any depth, each once; what cannot be read is found too, and named by its error."""

import os
from pathlib import Path

import pytest

from facedge.errors import ImageError
from facedge.image_files import find_images, list_files, unread_note
from facedge.imaging import load_rgb


def test_find_images_nested_any_case_sorted(tmp_path: Path) -> None:
    wanted = ["a.JPG", "b/c.JfIf", "b/d/e.webp", "z.Png", "b/f.BMP", "y.jpeg", "gif.gif", "q.TIFF", "k.jpe"]
    for name in [*wanted, "notes.txt", ".hidden.jpg", ".cache/x.jpg", "b/.h/x.png", "jpg"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    assert [p.relative_to(tmp_path).as_posix() for p in find_images(tmp_path)] == sorted(wanted)


def test_find_images_ends_on_link_loops_and_follows_links_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x.jpg").write_bytes(b"")
    (tmp_path / "real" / "up").symlink_to(tmp_path)
    (tmp_path / "a_link").symlink_to(tmp_path / "real")
    (tmp_path / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    found = list_files(tmp_path)
    assert [p.relative_to(tmp_path).as_posix() for p in found.images] == ["broken.jpg", "real/x.jpg"]
    with pytest.raises(ImageError, match=r"no image at .*broken\.jpg"):
        load_rgb(tmp_path / "broken.jpg")


def test_find_images_wants_a_folder(tmp_path: Path) -> None:
    assert find_images(tmp_path) == []
    with pytest.raises(ImageError, match="found nothing there"):
        find_images(tmp_path / "absent")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ImageError, match="found a file there"):
        find_images(tmp_path / "file")


def test_heic_photos_are_found_and_named_by_their_error(tmp_path: Path) -> None:
    (tmp_path / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
    (path,) = find_images(tmp_path)
    with pytest.raises(ImageError, match=r"IMG_1\.HEIC is (a HEIC photo: pip install 'facedge\[heic\]'|damaged)"):
        load_rgb(path)


def test_files_that_are_no_images_are_counted_and_named(tmp_path: Path) -> None:
    assert unread_note(tmp_path) == ""
    for name in (
        "a.jpg",
        "IMG_2.MOV",
        "IMG_1.mov",
        "raw/x.DNG",
        "Makefile",
        ".hidden.mov",
        os.fsdecode(b"z\xff\n.txt"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert unread_note(tmp_path) == (
        f"{tmp_path}: 5 files not read, which are no images by their names (1 .dng, 2 .mov, 1 .txt, 1 no suffix): "
        "IMG_1.mov, IMG_2.MOV, Makefile and 2 more"
    )
    (tmp_path / "Makefile").unlink()
    assert unread_note(tmp_path).isprintable()


def test_a_pipe_named_like_an_image_is_named_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert find_images(tmp_path) == [tmp_path / "pipe.jpg"]
    with pytest.raises(ImageError, match="found a device"):
        load_rgb(tmp_path / "pipe.jpg")


def test_a_link_to_itself_costs_that_image_only(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert [path.name for path in find_images(tmp_path)] == ["a.jpg", "loop.jpg"]
    with pytest.raises(ImageError, match=r"cannot read .*loop\.jpg"):
        load_rgb(tmp_path / "loop.jpg")


def test_a_folder_that_cannot_be_listed_costs_that_folder_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "closed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.jpg").write_bytes(b"")
    scandir = os.scandir

    def refuse(folder: str | os.PathLike[str]) -> object:
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)  # root may list every folder
    assert find_images(tmp_path) == [tmp_path / "a" / "x.jpg", tmp_path / "closed"]
    with pytest.raises(ImageError, match=r"cannot read .*closed \(Permission denied"):
        load_rgb(tmp_path / "closed")
    with pytest.raises(ImageError, match="cannot list"):
        find_images(tmp_path / "closed")
