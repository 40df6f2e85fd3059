"""A live camera that is blind in any way: noticed, reopened with growing delays, said in events, and given up."""

import gc
import threading
import weakref
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from facedge.camera import streams
from facedge.camera.capture_thread import picture_fault
from facedge.camera.source import Frame, Source
from facedge.camera.streams import FIRST_DELAY, MAX_DELAY, MOST_ABANDONED, STALL, LiveCamera
from facedge.errors import CameraError

PLACE = Source("device", "/dev/test")
REAL = 5.0  # seconds that a thread may take to start or to deliver, on a busy machine


def picture(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)


BLACK = np.zeros((48, 64, 3), np.uint8)
FROZEN = picture(0)


class Stub:
    """A backend that gives what `read_one` gives, one frame for each call of `deliver`; then it blocks."""

    rate = 0.0

    def __init__(self, read_one: Callable[[], np.ndarray | None]) -> None:
        self._read, self._due, self.closed = read_one, threading.Semaphore(0), threading.Event()

    def deliver(self) -> None:
        self._due.release()

    def read(self) -> np.ndarray | None:
        self._due.acquire()
        return self._read()

    def close(self) -> None:
        self.closed.set()


class Scene:
    """A clock, and a camera whose next openings are what the test puts into `backends`."""

    def __init__(self) -> None:
        self.time, self.numbers = 0.0, iter(range(1, 10**6))
        self.opened: list[Stub] = []
        self.read: Callable[[], np.ndarray | None] = self.fresh
        self.fails_to_open: Exception | None = None
        self.open_hangs: threading.Event | None = None
        self.kinds: list[str] = []
        self.messages: list[str] = []
        self.reasons: list[str] = []
        self.delays: list[float] = []

    def fresh(self) -> np.ndarray:
        return picture(next(self.numbers))

    def open(self, _source: Source) -> Stub:
        if self.open_hangs is not None:
            self.open_hangs.wait()
        if self.fails_to_open is not None:
            raise self.fails_to_open
        self.opened.append(Stub(lambda: self.read()))
        return self.opened[-1]

    def camera(self, give_up: float = 300.0) -> LiveCamera:
        return LiveCamera(PLACE, self.open, give_up=give_up, clock=lambda: self.time)

    def frame(self, camera: LiveCamera) -> Frame | None:
        """One more frame, delivered and asked for."""
        self.opened[-1].deliver()
        return self.next(camera, REAL)

    def next(self, camera: LiveCamera, wait: float = 0.0) -> Frame | None:
        try:
            return camera.next(wait)
        finally:
            for event in camera.events():
                self.kinds.append(event.kind)
                self.messages.append(event.message)
                self.reasons.append(event.reason or "")
                self.delays += [event.delay] if event.kind == "waiting" else []

    def passes(self, camera: LiveCamera, seconds: float) -> None:
        """Time goes by in steps of half a second while nothing is delivered."""
        for _ in range(round(seconds / 0.5)):
            self.time += 0.5
            self.next(camera)

    def reopens(self, camera: LiveCamera) -> None:
        """The delay passes, and the source is opened again."""
        count = len(self.opened)
        self.time += MAX_DELAY
        self.next(camera)
        for _ in range(round(REAL / 0.01)):
            if len(self.opened) > count:
                return
            threading.Event().wait(0.01)
        raise AssertionError("not opened again")


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    for stub in made.opened:  # threads that still block end
        stub.deliver()
        stub.deliver()


def test_a_call_that_hangs_is_abandoned_and_another_one_started(scene: Scene) -> None:
    with scene.camera() as camera:
        assert scene.frame(camera) is not None
        scene.passes(camera, STALL - 1)
        assert scene.kinds == []
        scene.passes(camera, 1)
        assert scene.kinds == ["lost", "waiting"]
        assert f"no frame for {STALL:g} s" in scene.messages[0]
        scene.reopens(camera)
        found = scene.frame(camera)
        assert found is not None
        assert found.number == 1
        assert scene.kinds == ["lost", "waiting", "back"]
        scene.opened[0].deliver()  # the hung call returns after all: its frame is not used, and its device is released
        assert scene.opened[0].closed.wait(REAL)
        assert scene.next(camera, 0.01) is None


@pytest.mark.parametrize("problem", [RuntimeError("select() timed out"), ValueError("x" * 999), OSError(), KeyError(1)])
def test_an_exception_of_any_kind(scene: Scene, problem: Exception) -> None:
    def fails() -> np.ndarray:
        raise problem

    with scene.camera() as camera:
        assert scene.frame(camera) is not None
        scene.read = fails
        assert scene.frame(camera) is None
        assert scene.kinds == ["lost", "waiting"]
        assert scene.messages[0].startswith("/dev/test: was lost: ")
        assert len(scene.messages[0]) < 250
        assert scene.opened[0].closed.wait(REAL)
        scene.read = scene.fresh
        scene.reopens(camera)
        assert scene.frame(camera) is not None
        assert scene.kinds[-1] == "back"


def test_a_lost_camera_leaves_no_memory_behind(scene: Scene) -> None:
    """Not even until the garbage collection, which is rare: a frame has megabytes."""
    kept: list[weakref.ref[np.ndarray]] = []

    def last_one() -> np.ndarray:
        if kept:
            raise RuntimeError("the bus is gone")
        image = picture(999)
        kept.append(weakref.ref(image))
        return image

    gc.disable()
    try:
        with scene.camera() as camera:
            scene.read = last_one
            assert scene.frame(camera) is not None
            scene.frame(camera)
            assert scene.kinds == ["lost", "waiting"]
            assert scene.opened[0].closed.wait(REAL)
            scene.read = scene.fresh
            scene.reopens(camera)
            assert scene.frame(camera) is not None
            assert kept[0]() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("image", [np.zeros((0, 0, 3), np.uint8), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_what_is_no_picture(scene: Scene, image: np.ndarray) -> None:
    with scene.camera() as camera:
        scene.read = lambda: image
        assert scene.frame(camera) is None
        assert "expected frames of uint8" in scene.messages[0]


def test_no_frame_ever(scene: Scene) -> None:
    with scene.camera(give_up=60) as camera, pytest.raises(CameraError, match=r"no usable frame for 60 s \(no frame "):
        scene.passes(camera, 100)
    assert scene.time == pytest.approx(60, abs=0.5)
    assert scene.kinds[:2] == ["lost", "waiting"]


@pytest.mark.parametrize(("image", "reason"), [(BLACK, "black frames for"), (FROZEN, "the same frame for")])
def test_frames_without_news(scene: Scene, image: np.ndarray, reason: str) -> None:
    """They are given at first, since a camera begins in the dark; after a while they count as none."""
    with scene.camera(give_up=100) as camera:
        scene.read = lambda: image
        given = 0
        for _ in range(round(STALL)):
            given += scene.frame(camera) is not None
            scene.time += 1
        assert (given, scene.kinds) == (round(STALL), [])
        scene.frame(camera)
        assert scene.kinds == ["lost", "waiting"]
        assert reason in scene.messages[0]
        assert scene.reasons[0] in scene.messages[0]
        scene.reopens(camera)
        assert scene.frame(camera) is None  # black again, or frozen at the same picture: it is not back
        scene.time = 101
        with pytest.raises(CameraError, match=reason):
            scene.frame(camera)
        assert "back" not in scene.kinds


def test_a_picture_after_black_frames_is_back(scene: Scene) -> None:
    with scene.camera() as camera:
        scene.frame(camera)
        scene.read = lambda: BLACK
        for _ in range(round(STALL) + 1):
            scene.frame(camera)
            scene.time += 1
        scene.reopens(camera)
        scene.frame(camera)
        scene.read = scene.fresh
        assert scene.frame(camera) is not None
        assert scene.kinds == ["lost", "waiting", "back"]


def test_delays_double_up_to_half_a_minute(scene: Scene) -> None:
    with scene.camera() as camera:
        scene.frame(camera)
        scene.fails_to_open = CameraError("unplugged")
        scene.read = lambda: None
        scene.frame(camera)
        while len(scene.delays) < 9:
            scene.time += scene.delays[-1]
            scene.next(camera)  # opens
            scene.next(camera, REAL)  # and fails
        assert scene.delays == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
        assert FIRST_DELAY == 0.5
        assert "unplugged" in scene.messages[-1]
        with pytest.raises(CameraError, match=r"no usable frame for 300 s \(unplugged\): check"):
            scene.time = 300
            scene.next(camera)


def test_a_camera_that_comes_and_goes_is_not_reopened_ever_faster(scene: Scene) -> None:
    with scene.camera() as camera:
        for _ in range(4):
            scene.read = scene.fresh
            scene.frame(camera)
            scene.read = lambda: None
            scene.frame(camera)
            scene.reopens(camera)
        assert scene.delays == [0.5, 1, 2, 4]
        scene.read = scene.fresh
        scene.frame(camera)
        scene.time += MAX_DELAY / 2  # for half a minute it works
        scene.frame(camera)
        scene.time += MAX_DELAY / 2
        scene.frame(camera)
        scene.read = lambda: None
        scene.frame(camera)
        assert scene.delays[-1] == FIRST_DELAY


def test_only_so_many_calls_hang_at_a_time(scene: Scene) -> None:
    with scene.camera(give_up=10_000) as camera:
        for _ in range(MOST_ABANDONED - 1):
            scene.passes(camera, STALL)
            scene.reopens(camera)
        assert len(scene.opened) == MOST_ABANDONED
        scene.passes(camera, 10 * STALL)
        assert len(scene.opened) == MOST_ABANDONED
        assert f"{MOST_ABANDONED} capture calls hang" in scene.messages[-1]
        scene.opened[0].deliver()  # one returns
        assert scene.opened[0].closed.wait(REAL)
        scene.reopens(camera)


def test_an_opening_that_hangs_is_an_error_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "STALL", 0.05)
    scene = Scene()
    scene.open_hangs = threading.Event()
    with pytest.raises(CameraError, match=r"/dev/test does not open within 0.05 s"):
        scene.camera()
    scene.open_hangs.set()


def test_an_opening_that_raises_anything_is_one_sentence() -> None:
    scene = Scene()
    scene.fails_to_open = ZeroDivisionError("division by\nzero")
    with pytest.raises(CameraError, match=r"does not open \(division by zero\)"):
        scene.camera()


def test_closing_does_not_wait_for_a_call_that_hangs(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "CLOSING", 0.01)
    camera = scene.camera()
    camera.close()
    assert camera.ended
    assert camera.next(REAL) is None
    assert not scene.opened[0].closed.is_set()


def test_dark_noise_is_a_picture_and_an_empty_buffer_is_not() -> None:
    dark = np.random.default_rng(1).integers(0, 8, (240, 320, 3), np.uint8)
    assert picture_fault(dark, None) == ""
    assert picture_fault(dark, dark.copy()) == "the same frame"
    assert picture_fault(dark, dark[:120]) == ""
    changed = dark.copy()
    changed[1, 1, 1] += 1
    assert picture_fault(changed, dark) == ""
    green = np.zeros((240, 320, 3), np.uint8)
    green[:, :, 1] = 135  # an empty YUYV buffer
    assert picture_fault(green, None) == "black frames"


def test_no_password_of_a_camera_is_told() -> None:
    def fails(_source: Source) -> Stub:
        raise RuntimeError("no route to rtsp://me:secret@cam/1")

    with pytest.raises(CameraError, match=r"rtsp://cam/\.\.\. does not open \(no route to rtsp://cam/\.\.\.\)"):
        LiveCamera(Source("url", "rtsp://me:secret@cam/1"), fails)
