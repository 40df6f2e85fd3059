"""Whether a frame goes on with the face before it: in time, in place, and by its embedding."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from facedge.bundle import read_bundle
from facedge.bundle.resolve import pretrained
from facedge.live.same_face import LEAST_COSINE, MOST_GAP, FaceFrame, SameFace, has_jumped, least_cosine
from facedge.types import Box

BOX = (100.0, 100.0, 200.0, 220.0)


def frame(seconds: float = 0.0, degrees: float = 0.0, box: Box = BOX) -> FaceFrame:
    """A face whose embedding is at an angle to that of others."""
    angle = math.radians(degrees)
    return FaceFrame(seconds, box, np.array([math.cos(angle), math.sin(angle)], np.float32))


def added(*frames: FaceFrame, window: int = 3) -> list[str | None]:
    same = SameFace(window)
    return [same.add(one) for one in frames]


def test_a_gap_in_time() -> None:
    assert added(frame(5), frame(5 + MOST_GAP)) == [None, None]
    assert added(frame(5), frame(5.01 + MOST_GAP)) == [None, "gap"]
    assert added(frame(5), frame(4.9)) == [None, "gap"]
    assert added(frame(5), frame(math.nan)) == [None, "gap"]


def test_another_place() -> None:
    assert not has_jumped(BOX, (140.0, 100.0, 240.0, 220.0), 0.0)
    assert has_jumped(BOX, (160.0, 100.0, 260.0, 220.0), 0.0)
    assert not has_jumped(BOX, (160.0, 100.0, 260.0, 220.0), 0.5)
    assert has_jumped(BOX, (110.0, 110.0, 170.0, 180.0), 0.1)  # much smaller at once
    assert has_jumped(BOX, (math.nan, 0.0, 1.0, 1.0), 0.1)
    assert has_jumped((5.0, 5.0, 5.0, 9.0), BOX, 0.1)
    assert added(frame(), frame(0.1, box=(300.0, 100.0, 400.0, 220.0))) == [None, "moved"]


def test_another_embedding() -> None:
    limit = math.degrees(math.acos(LEAST_COSINE))
    assert added(frame(), frame(0.1, limit - 1)) == [None, None]
    assert added(frame(), frame(0.1, limit + 1)) == [None, "another_face"]
    broken = FaceFrame(0.1, BOX, np.array([math.nan, 0], np.float32))
    assert added(frame(), broken) == [None, "another_face"]


def test_every_two_frames_of_the_window_are_compared() -> None:
    assert added(frame(0.0, 0), frame(0.1, 30), frame(0.2, 60)) == [None, None, "another_face"]
    assert added(frame(0.0, 0), frame(0.1, 30), frame(0.2, 60), window=1) == [None, None, None]


def test_a_break_begins_with_the_frame_that_broke() -> None:
    assert added(frame(0.0, 0), frame(0.1, 90), frame(0.2, 90), frame(0.3, 0)) == [
        None, "another_face", None, "another_face",
    ]  # fmt: skip


def test_a_bundle_whose_cohort_is_nearer_together_asks_for_more(tiny_bundle: Path) -> None:
    assert least_cosine(read_bundle(pretrained())) == LEAST_COSINE
    assert LEAST_COSINE <= least_cosine(read_bundle(tiny_bundle)) <= 1


@pytest.mark.real
def test_one_person_in_a_video_goes_on_and_two_do_not(shared_data: Path) -> None:
    pytest.importorskip("cv2")
    from facedge.camera.streams import open_camera
    from facedge.faces.options import FaceOptions
    from facedge.live.track import Tracker
    from facedge.runtime.embedder import Embedder, embed_crop, embed_photo

    embedder, tracker = Embedder(read_bundle(pretrained())), Tracker(FaceOptions())
    faces = []
    with open_camera(str(shared_data / "video" / "one_face_960x540.mp4#t=0,6")) as camera:
        while (image := camera.next()) is not None:
            seen = embed_crop(embedder, tracker.locate(image.image))
            assert seen.embedding is not None
            assert seen.located.box is not None
            faces.append(FaceFrame(image.seconds, seen.located.box, seen.embedding))
    for step in (1, 3, 5):  # 25, 8 and 5 frames a second
        same = SameFace(5)
        assert [same.add(one) for one in faces[::step]] == [None] * len(faces[::step])
    assert not any(has_jumped(a.box, b.box, b.seconds - a.seconds) for a, b in pairwise(faces))
    other = embed_photo(embedder, sorted((shared_data / "photos" / "others").iterdir())[0])
    assert other.embedding is not None
    assert same.add(FaceFrame(faces[-1].seconds, faces[-1].box, other.embedding)) == "another_face"
