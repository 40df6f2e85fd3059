"""A camera enrollment: what is kept, and that it follows one face."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

from live_bundle import picture, write_template

from facedge.enrollment.capture import CheckedPhoto, check_photo
from facedge.enrollment.guide import Guide
from facedge.runtime.embedder import Embedder


@pytest.fixture
def guide(tmp_path: Path) -> Guide:
    return Guide(Embedder(write_template(tmp_path / "cohort.facedge")), wanted=3)


def test_the_guide_keeps_what_differs_and_advises(guide: Guide) -> None:
    assert guide.add_frame(picture(0, 0), "1") == "good"
    assert guide.add_frame(picture(0, 0), "2").startswith("turn your head")
    assert guide.advice_is_new
    assert guide.add_frame(np.zeros((218, 178, 3), np.uint8), "3") == "more light"
    assert guide.add_frame(picture(0, 1), "4") == "good"
    assert guide.add_frame(picture(0, 2), "5") == "good"
    assert guide.done
    assert (guide.good, guide.starts) == (4, 0)
    assert guide.faults == "1 x more light"


def test_another_person_before_the_camera_never_becomes_part_of_it(guide: Guide) -> None:
    """Somebody else for some frames: collecting starts over, says so, and the one who was there longest is enrolled."""
    for take in range(2):
        guide.add_frame(picture(0, take), f"mine {take}", take / 10)
    assert guide.add_frame(picture(5, 0), "theirs", 0.2) == "another person before the camera: starting over"
    assert guide.advice_is_new
    assert [sample.source for sample in guide.kept] == ["mine 0", "mine 1"]
    assert guide.add_frame(picture(0, 2), "mine again", 0.3).endswith("starting over")
    for take in range(3, 6):
        guide.add_frame(picture(0, take), f"mine {take}", take / 10)
    assert guide.done
    assert [sample.source for sample in guide.kept] == ["mine again", "mine 3", "mine 4", "mine 5"][: len(guide.kept)]
    assert guide.starts == 2


def test_a_gap_in_time_starts_over(guide: Guide) -> None:
    assert guide.add_frame(picture(0, 0), "1", 0.0) == "good"
    assert guide.add_frame(picture(0, 1), "2", 1.9) == "good"
    assert guide.add_frame(picture(0, 2), "3", 4.0) == "no face for 2.1 seconds: starting over"
    assert [sample.source for sample in guide.kept] == ["1", "2"]


def test_a_jump_of_place_starts_over(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same face a whole width further in the next frame may be another one."""
    boxes = iter([(0, 0, 100, 130), (60, 10, 165, 140), (170, 10, 275, 140), (170, 10, 400, 300)])

    def checked(embedder: Embedder, photo: np.ndarray, source: str, *_: object, **_more: object) -> CheckedPhoto:
        return replace(check_photo(embedder, photo, source), box=tuple(map(float, next(boxes))))

    monkeypatch.setattr("facedge.enrollment.guide.check_photo", checked)
    answers = [guide.add_frame(picture(0, take), str(take), take / 10) for take in range(4)]
    assert answers[:2] == ["good", "good"]
    assert answers[2] == answers[3] == "the face moved too far between two frames: starting over"


@pytest.mark.real
@pytest.mark.slow
def test_a_stranger_for_some_frames_of_a_real_video(shared_data: Path, detector: None) -> None:
    """The owner in 60 frames, somebody else in 24 of them, before, between and after: only the owner's are kept."""
    cv2 = pytest.importorskip("cv2")
    from facedge.bundle import read_bundle
    from facedge.bundle.resolve import pretrained
    from facedge.imaging import load_rgb

    video, frames = cv2.VideoCapture(str(shared_data / "video" / "one_face_960x540.mp4")), []
    while (read := video.read())[0]:
        frames.append(read[1][:, :, ::-1].copy())
    owner = [(f"owner {number}", frame) for number, frame in enumerate(frames[::6])]
    stranger = [("stranger", load_rgb(shared_data / "photos" / "others" / "biden.jpg"))] * 8
    guide = Guide(Embedder(read_bundle(pretrained())), wanted=200)
    for number, (name, frame) in enumerate([*stranger, *owner[:35], *stranger, *owner[35:], *stranger]):
        guide.add_frame(frame, name, number * 0.24)
    assert guide.starts == 4
    assert len(guide.kept) > 5
    assert {sample.source for sample in guide.kept} <= {name for name, _ in owner[:35]}
