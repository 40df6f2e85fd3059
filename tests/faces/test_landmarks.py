"""Landmarks refined and followed, on real faces."""

from pathlib import Path

import numpy as np
import pytest

from facedge.errors import InputError
from facedge.faces.align import TARGET, fit_similarity, sample, sampling_for
from facedge.faces.boxes import Candidates, mean_face
from facedge.faces.detect import choose, detect
from facedge.faces.landmarks import FARTHEST, LEAST_SCORE, SAME_FACE, WINDOW, _best_in_middle, follow, refine
from facedge.imaging import load_rgb
from facedge.types import Float32Array, UInt8Array


def tilted(image: UInt8Array, degrees: float, scale: float = 1.5) -> tuple[UInt8Array, complex, complex]:
    """A CelebA image turned about its face in a 640x480 frame, and image -> frame as m z + t."""
    m = scale * np.exp(1j * np.deg2rad(degrees))
    t = complex(320, 240) - m * complex(89, 124)
    return sample(image, sampling_for(m, t), np.empty((480, 640, 3), np.uint8)), m, t


def remaining_tilt(landmarks: Float32Array, m: complex, t: complex) -> float:
    """Degrees by which these landmarks, in a frame made by `tilted`, would leave the face tilted."""
    z = (landmarks[:, 0] + 1j * landmarks[:, 1] - t) / m
    turn, _ = fit_similarity(np.stack([z.real, z.imag], axis=1), TARGET)
    return float(np.rad2deg(np.angle(turn)))


def celeba(shared_data: Path, count: int) -> list[UInt8Array]:
    """Images at full scale, spread over the dataset."""
    files = sorted((shared_data / "celeba" / "img_align_celeba").glob("*.jpg"))[10_000:]
    return [load_rgb(file) for file in files[:: len(files) // count][:count]]


@pytest.mark.real
def test_a_tilted_head_comes_out_upright(shared_data: Path) -> None:
    """YuNet's own landmarks leave about two thirds of a tilt in; the second detection takes nearly all of it out."""
    first, second = [], []
    for index, image in enumerate(celeba(shared_data, 24)):
        degrees = 20.0 if index % 2 else -20.0
        frame, m, t = tilted(image, degrees)
        landmarks = detect(frame)[0].landmarks
        first.append(np.sign(degrees) * remaining_tilt(landmarks, m, t))
        second.append(np.sign(degrees) * remaining_tilt(refine(frame, landmarks).landmarks, m, t))
    assert np.mean(first) > 8
    assert abs(np.mean(second)) < 3.5


@pytest.mark.real
def test_celebas_images_come_back_onto_themselves(shared_data: Path) -> None:
    """So that a camera's faces have the geometry of the dataset: no mean scale, turn or shift worth a pixel."""
    scales, turns, shifts = [], [], []
    for image in celeba(shared_data, 60):
        face = choose(detect(image), "center", image.shape)
        assert face is not None
        m, t = fit_similarity(refine(image, face.landmarks).landmarks, TARGET)
        scales.append(abs(m))
        turns.append(np.rad2deg(np.angle(m)))
        shifts.append(m * complex(88, 126) + t - complex(88, 126))
    assert abs(np.mean(scales) - 1) < 0.025
    assert abs(np.mean(turns)) < 1.5
    assert abs(np.mean(shifts)) < 1.5


@pytest.mark.real
def test_where_no_face_is_found_the_landmarks_come_back(shared_data: Path) -> None:
    flat = np.full((480, 640, 3), 90, np.uint8)
    given = (TARGET * 1.3 + 60).astype(np.float32)
    again = refine(flat, given)
    np.testing.assert_array_equal(again.landmarks, given)
    assert np.isnan(again.aspect)


def test_landmarks_of_no_face_are_refused_before_detection() -> None:
    with pytest.raises(InputError, match="finite"):
        refine(np.zeros((100, 100, 3), np.uint8), np.full((5, 2), np.nan))


def candidates(*faces: tuple[float, float]) -> Candidates:
    """Faces of 100 pixels around (middle, score), their landmarks all in the middle."""
    middle = np.array([[m, m] for m, _ in faces], np.float32).reshape(-1, 2)
    boxes = np.concatenate([middle - 50, middle + 50], axis=1)
    return Candidates(boxes, np.repeat(middle[:, None], 5, axis=1), np.array([s for _, s in faces], np.float32))


def test_a_neighbours_better_face_is_not_taken() -> None:
    near, far = WINDOW / 2 + 5, WINDOW / 2 + FARTHEST * WINDOW + 5
    assert _best_in_middle(candidates((far, 0.9), (near, LEAST_SCORE)), WINDOW) == 1
    assert _best_in_middle(candidates((far, 0.9)), WINDOW) is None
    assert _best_in_middle(candidates(), WINDOW) is None


def test_cells_that_detect_the_same_face_are_averaged_by_score() -> None:
    found = candidates((128, 0.75), (132, 0.25))
    best = _best_in_middle(found, WINDOW)
    assert best == 0
    assert np.abs(mean_face(found, best, SAME_FACE)[0] - 129).max() < 1e-3


@pytest.mark.real
def test_a_face_that_moved_is_followed(shared_data: Path) -> None:
    """Moved by a fifth of its width, grown and tilted: the same landmarks as by finding it from scratch."""
    image = celeba(shared_data, 1)[0]
    before, _, _ = tilted(image, 0.0)
    after = np.roll(tilted(image, 6.0, 1.6)[0], (8, 25), (0, 1))
    last = refine(before, detect(before)[0].landmarks).landmarks
    found = follow(after, last)
    assert found is not None
    anew = detect(after)[0]
    landmarks = refine(after, anew.landmarks).landmarks
    eyes = np.hypot(*(landmarks[1] - landmarks[0]))
    assert np.hypot(*(found.landmarks - landmarks).T).mean() < 0.08 * eyes
    assert np.abs(np.subtract(found.box, anew.box)).max() < 0.3 * eyes


@pytest.mark.real
def test_a_face_that_left_is_not_followed(shared_data: Path) -> None:
    before, _, _ = tilted(celeba(shared_data, 1)[0], 0.0)
    last = refine(before, detect(before)[0].landmarks).landmarks
    assert follow(np.full_like(before, 90), last) is None
    assert follow(np.roll(before, 200, axis=1), last) is None
