"""The liveness challenge by itself: which sequences of turned faces meet it."""

import numpy as np
from drawn_turn import turned_crop

from facedge.live.challenge import FAILED, LEAST_PARALLAX, SECONDS, Challenge, random_side
from facedge.live.same_face import Box, FaceFrame

BOX = (100.0, 100.0, 200.0, 220.0)
OWNER, STRANGER = np.eye(2, dtype=np.float32)
NOSE = LEAST_PARALLAX + 0.3  # how much of the yaw is parallax


def landmarks(yaw: float) -> tuple[tuple[float, float], ...]:
    """A face whose nose shows that yaw."""
    return ((-20.0, 0.0), (20.0, 0.0), (40 * yaw, 20.0), (-16.0, 40.0), (16.0, 40.0))


def played(challenge: Challenge, yaws: list[float | None], step: float = 0.1, **face: float) -> str:
    state = "waiting"
    for number, yaw in enumerate(yaws, start=1):
        seconds = number * step
        if yaw is None:
            state = challenge.step(None, None, None, seconds)
        else:
            crop = turned_crop(yaw, **({"nose": NOSE} | face))
            state = challenge.step(FaceFrame(seconds, BOX, OWNER), landmarks(yaw), crop, seconds)
        if state != "waiting":
            break
    return state


def begun(side: str = "left") -> Challenge:
    return Challenge(side, FaceFrame(0.0, BOX, OWNER))  # type: ignore[arg-type]


OUT = [0.0, 0.1, 0.2, 0.3, 0.35]
TURN = [*OUT, *OUT[::-1]]


def failure(yaws: list[float | None], side: str = "left", step: float = 0.1, **face: float) -> str:
    challenge = begun(side)
    assert played(challenge, yaws, step, **face) == "failed"
    assert challenge.failure in FAILED
    return challenge.failure


def test_a_turn_and_back() -> None:
    assert played(begun(), list(TURN)) == "turned"
    assert played(begun("right"), [-yaw for yaw in TURN]) == "turned"
    assert played(begun(), [0.1 + yaw for yaw in TURN]) == "turned"
    assert played(begun(), [*OUT, None, None, *OUT[::-1]]) == "turned"


def test_the_turn_begins_straight() -> None:
    assert played(begun(), [0.3, 0.3, 0.2, *TURN]) == "turned"
    challenge = begun()
    assert played(challenge, [0.3] * 5) == "waiting"
    assert challenge.instruction == "look straight into the camera"


def test_a_photo_that_keeps_still_fails_in_time() -> None:
    assert played(begun(), [0.1] * 40) == "waiting"
    assert failure([0.1] * 100) == "time"
    assert failure([0.0], step=SECONDS + 1) == "time"
    assert begun().seconds_left(3.0) == SECONDS - 3


def test_two_stills_and_a_mirror_image_jump() -> None:
    assert failure([0.0, *[0.35] * 8]) == "too_fast"
    assert failure([0.1, *[-0.1] * 8]) == "too_fast"
    assert failure([0.0, *[0.15, 0.3] * 4]) == "too_fast"
    assert played(begun(), [0.1, -0.1] * 35) == "waiting"  # every second one counts, and it is still
    assert failure([0.1, -0.1] * 50) == "time"


def test_one_frame_with_wrong_landmarks_does_not_count() -> None:
    assert played(begun(), [*OUT[:3], 0.9, *OUT[3:], -0.2, *OUT[::-1]]) == "turned"


def test_a_head_that_turns_too_far() -> None:
    assert failure([*OUT, 0.42, 0.5, *[0.6] * 8]) == "too_far"


def test_the_wrong_way_and_a_gap() -> None:
    assert failure([-yaw for yaw in TURN]) == "wrong_way"
    assert failure([*OUT, *[None] * 8, 0.3]) == "gap"


def test_another_place_and_another_face() -> None:
    def failed(box: Box, embedding: np.ndarray) -> str:
        challenge = begun()
        for number in range(1, 9):
            challenge.step(FaceFrame(number / 10, box, embedding), landmarks(0), turned_crop(0), number / 10)
        return challenge.failure

    assert failed((500.0, 100.0, 600.0, 220.0), OWNER) == "moved"
    assert failed(BOX, STRANGER) == "another_face"
    assert failed(BOX, OWNER) == ""


def test_a_picture_shows_no_parallax() -> None:
    assert failure(list(TURN), nose=0.0) == "flat"
    assert failure(list(TURN), nose=0.1, across=0.8) == "flat"
    assert failure([-yaw for yaw in TURN], side="right", nose=0.2, along=0.5) == "flat"


def test_sides_are_drawn() -> None:
    assert {random_side() for _ in range(100)} == {"left", "right"}
