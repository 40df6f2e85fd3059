"""What --camera understands, and the sentence for each way in which a camera is not there."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facedge.camera import readers
from facedge.camera.devices import display_problem, list_cameras
from facedge.camera.source import parse_source
from facedge.camera.streams import open_camera
from facedge.camera.window import Window, draw, has_windows
from facedge.errors import CameraError, MissingDependencyError


def test_what_people_write() -> None:
    assert parse_source("0").place == "/dev/video0"
    assert parse_source("/dev/video2").kind == "device"
    assert parse_source("rtsp://u:secret@cam/1").shown == "rtsp://cam/..."
    assert parse_source("picamera").kind == "picamera"
    assert parse_source("f%04d.png").kind == "images"
    part = parse_source("clip.mp4#t=1.5,3")
    assert (part.kind, part.place, part.start, part.end) == ("file", "clip.mp4", 1.5, 3.0)
    assert parse_source("clip.mp4#t=,3").end == 3.0


@pytest.mark.parametrize("text", ["", " ", "ftp://x", "file:///etc/passwd", "clip.mp4#t=3,1"])
def test_what_can_be_no_camera(text: str) -> None:
    with pytest.raises(CameraError):
        parse_source(text)


@given(st.text(max_size=60))
def test_any_text_is_a_source_or_one_sentence(text: str) -> None:
    try:
        assert parse_source(text).place
    except CameraError as problem:
        assert "\n" not in str(problem) or "\n" in text


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for number in range(12):
        Image.fromarray(np.full((6, 8, 3), number * 20, np.uint8)).save(tmp_path / f"f{number}.png")
    return tmp_path


def test_an_image_sequence_comes_in_the_order_of_its_numbers(pictures: Path) -> None:
    with open_camera(str(pictures / "f%d.png")) as camera:
        seen = [int(frame.image[0, 0, 0]) // 20 for frame in iter(camera.next, None)]
    assert seen == list(range(12))  # f10 after f9
    assert camera.ended
    assert camera.events() == []


def test_a_part_of_a_sequence(pictures: Path) -> None:
    with open_camera(f"{pictures / 'f%d.png'}#t=0.2,0.32") as camera:  # 25 frames a second
        assert [frame.number for frame in iter(camera.next, None)] == [5, 6, 7]


def test_no_camera(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="no camera at /dev/video97"):
        open_camera("97")
    with pytest.raises(CameraError, match="no such video file"):
        open_camera("nowhere.mp4")
    with pytest.raises(CameraError, match="no images there"):
        open_camera(str(tmp_path / "f%d.png"))


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path / "video0"
    device.touch()
    monkeypatch.setattr(readers.os, "access", lambda *_: False)
    with pytest.raises(CameraError, match="usermod -aG video"):
        readers._refuse_device(device)


def test_a_busy_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is there but does not open: what a camera in use looks like to OpenCV."""
    pytest.importorskip("cv2")
    monkeypatch.setattr(readers, "_refuse_device", lambda _: None)
    with pytest.raises(CameraError, match="another program may be using it"):
        open_camera("/dev/video96")


def test_without_opencv(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    (tmp_path / "clip.mp4").write_bytes(b"x")
    with pytest.raises(MissingDependencyError, match=r"pip install 'facedge\[camera\]'"):
        open_camera(str(tmp_path / "clip.mp4"))
    open_camera(str(pictures)).close()  # images need no OpenCV


def test_a_file_that_is_no_video(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    with pytest.raises(CameraError, match="does not open as a video"):
        open_camera(str(tmp_path / "clip.mp4"))


class StubPi:
    """picamera2 as far as facedge uses it."""

    def __init__(self, number: int) -> None:
        if number > 0:
            raise IndexError("list index out of range")
        self.running = False

    def create_video_configuration(self, main: dict[str, object]) -> dict[str, object]:
        assert main["format"] == "BGR888"
        return main

    def configure(self, settings: dict[str, object]) -> None:
        self.settings = settings

    def start(self) -> None:
        self.running = True

    def capture_array(self, _stream: str) -> np.ndarray:
        if not self.running:
            raise RuntimeError("stopped")
        return np.zeros((720, 1280, 3), np.uint8)

    def stop(self) -> None:
        self.running = False

    def close(self) -> None:
        self.running = False


def test_the_pis_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", SimpleNamespace(Picamera2=StubPi))
    with open_camera("picamera") as camera:
        frame = camera.next(2.0)
    assert frame is not None
    assert frame.image.shape == (720, 1280, 3)
    with pytest.raises(CameraError, match="check its cable"):
        open_camera("picamera:1")
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(MissingDependencyError, match="python3-picamera2"):
        open_camera("picamera")


def test_listing_names_what_is_wrong(tmp_path: Path) -> None:
    assert list_cameras(tmp_path, tmp_path) == []
    (tmp_path / "video0").touch()
    (found,) = list_cameras(tmp_path, tmp_path)
    assert found.size is None
    assert found.problem


def test_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "no display" in display_problem()
    with pytest.raises(CameraError, match="no display"):
        Window("x")


def test_opencv_without_windows_is_found_out_before_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not has_windows("  GUI:                           NONE\n")
    assert has_windows("  GUI:                           QT5\n    QT: YES\n")
    cv2 = pytest.importorskip("cv2")
    monkeypatch.setenv("DISPLAY", ":0")
    if not has_windows(cv2.getBuildInformation()):
        with pytest.raises(MissingDependencyError, match="without windows"):
            Window("x")


def test_the_picture_in_the_window() -> None:
    cv2 = pytest.importorskip("cv2")
    image = np.zeros((200, 300, 3), np.uint8)
    image[:, :, 0] = 90  # red
    shown = draw(cv2, image, "accepted", True, (50.0, 60.0, 150.0, 160.0), ((100.0, 100.0),))
    assert shown.shape == image.shape
    assert shown[190, 290].tolist() == [0, 0, 90]  # blue, green, red
    assert shown[60, 100].tolist() == [80, 200, 80]
    assert image.max() == 90  # the frame itself stays as it was
