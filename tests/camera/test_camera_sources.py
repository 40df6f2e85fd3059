"""What --camera understands, and the sentence for each way in which a camera is not there."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facedge.camera import capture_backends
from facedge.camera.devices import list_cameras
from facedge.camera.source import parse_source
from facedge.camera.streams import open_camera
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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://u:hidden@cam/1", "rtsp://cam/..."),
        ("rtsp://u:p@hidden@cam:554/1?pwd=hidden", "rtsp://cam:554/..."),
        ("rtsp://u:hid/den@cam/1", "rtsp://..."),
        ("rtsp://u:p#hidden?x@cam:1/", "rtsp://..."),
        ("rtsp://u:hidden", "rtsp://..."),
        ("http://cam/?user=a&pwd=hidden", "http://cam/..."),
        ("http://cam?a=b@hidden", "http://..."),
        ("rtsp://cam/user=admin&password=hidden&channel=1", "rtsp://cam/..."),
        ("rtsp://[fe80::1]:554/hidden", "rtsp://[fe80::1]:554/..."),
        ("http://cam:81", "http://cam:81"),
        ("http://cam/", "http://cam"),
    ],
)
def test_of_a_url_scheme_host_and_port_are_shown(text: str, shown: str) -> None:
    assert parse_source(text).shown == shown


@pytest.mark.parametrize(
    "text", ["rtsp:/u:hidden@cam", "u:hidden@cam/1", "cam/video?pwd=hidden", "cam/password=hidden"]
)
def test_a_misspelled_url_is_not_shown(text: str) -> None:
    with pytest.raises(CameraError, match="since it may hold a password") as caught:
        parse_source(text)
    assert "hidden" not in str(caught.value)


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
    monkeypatch.setattr(capture_backends.os, "access", lambda *_: False)
    with pytest.raises(CameraError, match="usermod -aG video"):
        capture_backends._refuse_device(device)


def test_a_busy_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is there but does not open: what a camera in use looks like to OpenCV."""
    pytest.importorskip("cv2")
    monkeypatch.setattr(capture_backends, "_refuse_device", lambda _: None)
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
