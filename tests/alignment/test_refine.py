"""The second look at a face, on real ones."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facedge.alignment import align, align_face, fit_similarity, follow, refine
from facedge.alignment._sample import sample
from facedge.alignment.refine import FARTHEST, LEAST_SCORE, SAME_FACE, WINDOW, _in_the_middle
from facedge.alignment.similarity import TARGET, sampling_for
from facedge.detection import detect
from facedge.detection.decode import Candidates, consensus
from facedge.errors import InputError
from facedge.imaging import load_rgb


def tilted(image: NDArray[np.uint8], degrees: float, scale: float = 1.5) -> tuple[NDArray[np.uint8], complex, complex]:
    """A CelebA image turned about its face in a 640x480 frame, and image -> frame as m z + t."""
    m = scale * np.exp(1j * np.deg2rad(degrees))
    t = complex(320, 240) - m * complex(89, 124)
    return sample(image, sampling_for(m, t), np.empty((480, 640, 3), np.uint8)), m, t


def remaining_tilt(landmarks: NDArray[np.float32], m: complex, t: complex) -> float:
    """Degrees by which these landmarks, in a frame made by `tilted`, would leave the face tilted."""
    z = (landmarks[:, 0] + 1j * landmarks[:, 1] - t) / m
    turn, _ = fit_similarity(np.stack([z.real, z.imag], axis=1), TARGET)
    return float(np.rad2deg(np.angle(turn)))


def celeba(shared_data: Path, count: int) -> list[NDArray[np.uint8]]:
    """Images at full scale, spread over the dataset."""
    files = sorted((shared_data / "celeba" / "img_align_celeba").glob("*.jpg"))[10_000:]
    return [load_rgb(file) for file in files[:: len(files) // count][:count]]


@pytest.mark.real
def test_a_tilted_head_comes_out_upright(shared_data: Path) -> None:
    """YuNet's own landmarks leave about two thirds of a tilt in; the second look takes nearly all of it out."""
    first, second = [], []
    for index, image in enumerate(celeba(shared_data, 24)):
        degrees = 20.0 if index % 2 else -20.0
        frame, m, t = tilted(image, degrees)
        landmarks = detect(frame)[0].landmarks
        first.append(np.sign(degrees) * remaining_tilt(landmarks, m, t))
        second.append(np.sign(degrees) * remaining_tilt(refine(frame, landmarks), m, t))
    assert np.mean(first) > 8
    assert abs(np.mean(second)) < 3.5


@pytest.mark.real
def test_celebas_images_come_back_onto_themselves(shared_data: Path) -> None:
    """So that a camera's faces have the geometry of the dataset: no mean scale, turn or shift worth a pixel."""
    scales, turns, shifts = [], [], []
    for image in celeba(shared_data, 60):
        found = align_face(image, faces="center")
        assert found.face is not None
        m, t = fit_similarity(found.face.landmarks, TARGET)
        scales.append(abs(m))
        turns.append(np.rad2deg(np.angle(m)))
        shifts.append(m * complex(88, 126) + t - complex(88, 126))
    assert abs(np.mean(scales) - 1) < 0.025
    assert abs(np.mean(turns)) < 1.5
    assert abs(np.mean(shifts)) < 1.5


@pytest.mark.real
def test_align_face_is_detect_choose_refine_align(shared_data: Path) -> None:
    photo = load_rgb(shared_data / "photos" / "me" / "obama-720p.jpg")
    found = align_face(photo)
    assert found.reason is None
    assert found.crop is not None
    assert found.face is not None
    landmarks = refine(photo, detect(photo)[0].landmarks)
    np.testing.assert_array_equal(found.face.landmarks, landmarks)
    np.testing.assert_array_equal(found.crop, align(photo, landmarks))


@pytest.mark.real
def test_reasons(shared_data: Path) -> None:
    group = load_rgb(shared_data / "photos" / "group" / "two_people.jpg")
    many = align_face(group, faces="only")
    assert (many.reason, many.crop, many.face) == ("many_faces", None, None)
    assert len(many.faces) >= 2
    assert align_face(group, faces="center").crop is not None
    nobody = align_face(np.full((200, 300, 3), 128, np.uint8))
    assert (nobody.reason, nobody.crop, nobody.faces) == ("no_face", None, ())


@pytest.mark.real
def test_where_nobody_is_the_landmarks_come_back(shared_data: Path) -> None:
    flat = np.full((480, 640, 3), 90, np.uint8)
    given = (TARGET * 1.3 + 60).astype(np.float32)
    np.testing.assert_array_equal(refine(flat, given), given)


def test_landmarks_of_no_face_are_refused_before_any_look() -> None:
    with pytest.raises(InputError, match="finite"):
        refine(np.zeros((100, 100, 3), np.uint8), np.full((5, 2), np.nan))


def candidates(*faces: tuple[float, float]) -> Candidates:
    """Faces of 100 pixels around (middle, score), their landmarks all in the middle."""
    middle = np.array([[m, m] for m, _ in faces], np.float32).reshape(-1, 2)
    boxes = np.concatenate([middle - 50, middle + 50], axis=1)
    return Candidates(boxes, np.repeat(middle[:, None], 5, axis=1), np.array([s for _, s in faces], np.float32))


def test_a_neighbours_better_face_is_not_taken() -> None:
    near, far = WINDOW / 2 + 5, WINDOW / 2 + FARTHEST * WINDOW + 5
    assert _in_the_middle(candidates((far, 0.9), (near, LEAST_SCORE)), WINDOW) == 1
    assert _in_the_middle(candidates((far, 0.9)), WINDOW) is None
    assert _in_the_middle(candidates(), WINDOW) is None


def test_cells_that_see_the_same_face_are_averaged_by_score() -> None:
    found = candidates((128, 0.75), (132, 0.25))
    best = _in_the_middle(found, WINDOW)
    assert best == 0
    assert np.abs(consensus(found, best, SAME_FACE) - 129).max() < 1e-3


@pytest.mark.real
def test_a_face_that_moved_is_followed(shared_data: Path) -> None:
    """Moved by a fifth of its width, grown and tilted: the same landmarks as by finding it from scratch."""
    image = celeba(shared_data, 1)[0]
    before, _, _ = tilted(image, 0.0)
    after = np.roll(tilted(image, 6.0, 1.6)[0], (8, 25), (0, 1))
    last = refine(before, detect(before)[0].landmarks)
    found = follow(after, last)
    assert found is not None
    anew = detect(after)[0]
    landmarks = refine(after, anew.landmarks)
    eyes = np.hypot(*(landmarks[1] - landmarks[0]))
    assert np.hypot(*(found.landmarks - landmarks).T).mean() < 0.08 * eyes
    assert np.abs(np.subtract(found.box, anew.box)).max() < 0.3 * eyes


@pytest.mark.real
def test_a_face_that_left_is_not_followed(shared_data: Path) -> None:
    before, _, _ = tilted(celeba(shared_data, 1)[0], 0.0)
    last = refine(before, detect(before)[0].landmarks)
    assert follow(np.full_like(before, 90), last) is None
    assert follow(np.roll(before, 200, axis=1), last) is None
