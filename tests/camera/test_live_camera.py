"""The newest frame wins; a source that goes away is waited for, found again, or given up."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from facedge.camera import streams
from facedge.camera.source import Source
from facedge.camera.streams import LiveCamera, open_camera
from facedge.errors import CameraError

PLACE = Source("device", "/dev/test")


def picture(number: int) -> np.ndarray:
    """Noise, another one for each number."""
    return np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)


class Numbered:
    """A reader whose frames carry their number; `last` frames, then it is gone."""

    rate = 0.0

    def __init__(self, last: int = 10**9, pause: float = 0.001) -> None:
        self.count, self.last, self.pause, self.closed = 0, last, pause, False

    def read(self) -> np.ndarray | None:
        if self.count >= self.last:
            return None
        time.sleep(self.pause)
        self.count += 1
        return picture(self.count)

    def close(self) -> None:
        self.closed = True


def test_a_slow_model_gets_the_newest_frame_and_never_a_queue() -> None:
    reader = Numbered()
    with LiveCamera(PLACE, lambda _: reader) as camera:
        numbers, skipped = [], 0
        for _ in range(5):
            frame = camera.next(5.0)
            assert frame is not None
            numbers.append(frame.number)
            skipped += frame.skipped
            before = reader.count
            time.sleep(0.05)
            fresh = camera.next(5.0)
            assert fresh is not None
            assert fresh.number >= before - 1  # nothing older than what was read since
            numbers.append(fresh.number)
            skipped += fresh.skipped
    assert numbers == sorted(set(numbers))
    assert skipped > 0
    assert reader.closed


def test_going_away_and_coming_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "FIRST_DELAY", 0.01)
    opened: list[Numbered] = []

    def open_it(_source: Source) -> Numbered:
        if len(opened) in (1, 2):
            opened.append(Numbered(0))
            raise CameraError("not yet")
        opened.append(Numbered(3 if not opened else 10**9))
        return opened[-1]

    kinds, delays, frames = [], [], 0
    with LiveCamera(PLACE, open_it) as camera:
        end = time.monotonic() + 20
        while frames < 10 and time.monotonic() < end:
            frames += camera.next(0.5) is not None and "back" in kinds
            for event in camera.events():
                kinds.append(event.kind)
                delays += [event.delay] if event.kind == "waiting" else []
    assert kinds == ["lost", "waiting", "waiting", "waiting", "back"]
    assert delays == [0.01, 0.02, 0.04]
    assert opened[0].closed


def test_giving_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "FIRST_DELAY", 0.01)
    first = [Numbered(1)]

    def open_it(_source: Source) -> Numbered:
        if first:
            return first.pop()
        raise CameraError("unplugged")

    with LiveCamera(PLACE, open_it, give_up=0.1) as camera, pytest.raises(CameraError, match=r"for 0.1 s \(unplugged"):
        for _ in range(1000):
            camera.next(0.5)


def jpeg(number: int) -> bytes:
    target = BytesIO()
    Image.fromarray(picture(number)).save(target, "JPEG")
    return target.getvalue()


class Stream(BaseHTTPRequestHandler):
    """An MJPEG camera."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        number = 0
        try:
            while not self.server.stopping.is_set():  # type: ignore[attr-defined]
                number += 1
                data = jpeg(number)
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")
                time.sleep(0.02)
        except OSError:
            pass

    def log_message(self, *_args: object) -> None:
        """Silence."""


@contextmanager
def mjpeg(port: int) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", port), Stream)
    server.daemon_threads = True
    server.stopping = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.stopping.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()
        thread.join(5)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_a_killed_mjpeg_server_that_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2")
    monkeypatch.setattr(streams, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(streams, "MAX_DELAY", 0.2)
    port = free_port()
    kinds: list[str] = []

    def until(camera: LiveCamera, wanted: str) -> None:
        end = time.monotonic() + 60
        while wanted not in kinds and time.monotonic() < end:
            if camera.next(0.5) is not None and wanted == "frame":
                return
            kinds.extend(event.kind for event in camera.events())
        assert wanted in kinds

    with mjpeg(port):
        camera = open_camera(f"http://127.0.0.1:{port}/", give_up=60)
        until(camera, "frame")
    until(camera, "lost")
    with mjpeg(port):
        until(camera, "back")
        until(camera, "frame")
        camera.close()


def test_nothing_at_a_url() -> None:
    pytest.importorskip("cv2")
    with pytest.raises(CameraError, match="no video at"):
        open_camera(f"http://127.0.0.1:{free_port()}/")
