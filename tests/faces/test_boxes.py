"""Letterbox, decoding and non-maximum suppression."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.faces.boxes import (
    STEP,
    STRIDES,
    Candidates,
    decode,
    fit_letterbox,
    input_planes,
    mean_face,
    movement,
    non_max_suppression,
)
from facedge.types import Float32Array


def outputs(height: int, width: int) -> list[Float32Array]:
    """Raw network outputs that hold no face."""
    cells = [(height // s) * (width // s) for s in STRIDES]
    return [np.zeros((1, n, channels), np.float32) for channels in (1, 1, 4, 10) for n in cells]


def test_a_cell_becomes_a_box_and_five_points() -> None:
    tensors = outputs(128, 160)
    column, row, stride = 3, 2, 16
    cell = row * (160 // stride) + column
    tensors[1][0, cell], tensors[4][0, cell] = 0.64, 1.0
    tensors[7][0, cell] = [0.5, 0.25, np.log(2), np.log(3)]
    tensors[10][0, cell] = np.arange(10) / 10
    found = decode(tensors, 160, 0.5)
    np.testing.assert_allclose(found.scores, [0.8], rtol=1e-6)
    np.testing.assert_allclose(found.boxes, [[56 - 16, 36 - 24, 56 + 16, 36 + 24]], rtol=1e-5)
    expected = (np.arange(10).reshape(5, 2) / 10 + [column, row]) * stride
    np.testing.assert_array_equal(found.landmarks, [np.rint(expected / STEP) * STEP])


def test_last_digits_of_the_outputs_change_no_coordinate() -> None:
    """Builds of onnxruntime differ by them, and a landmark that moved by 1e-5 pixel would change bytes of the crop."""
    rng = np.random.default_rng(2)
    tensors = outputs(128, 128)
    for level in range(3):
        tensors[level][:], tensors[3 + level][:] = rng.uniform(0.5, 1, (2, *tensors[level].shape))
        for kind in (6, 9):
            middle = rng.integers(-32, 32, tensors[kind + level].shape) / 32  # on the grid: 1/4 to 1 pixel
            tensors[kind + level][:] = middle + 1e-3
    other = [(values * np.float32(1 + 3e-7)).astype(np.float32) for values in tensors]
    assert any((a != b).any() for a, b in zip(tensors, other, strict=True))
    one, two = decode(tensors, 128, 0.1), decode(other, 128, 0.1)
    np.testing.assert_array_equal(one.landmarks, two.landmarks)
    assert (one.boxes != two.boxes).mean() < 1e-2  # logarithms of sides may lie anywhere
    assert len(one.scores) == len(two.scores) and (one.scores != two.scores).any()
    assert (one.landmarks % STEP == 0).all() and (one.boxes % STEP == 0).all()


def test_a_mean_face_lies_on_the_grid() -> None:
    rng = np.random.default_rng(3)
    boxes = (np.array([20, 20, 60, 70]) + rng.normal(0, 1, (7, 4))).astype(np.float32)
    points = rng.uniform(25, 65, (7, 5, 2)).astype(np.float32)
    scores = rng.uniform(0.5, 1, 7).astype(np.float32)
    landmarks, aspect = mean_face(Candidates(boxes, points, scores), 0, 0.5)
    exact = (points * scores[:, None, None]).sum(axis=0) / scores.sum()
    assert (landmarks % STEP == 0).all() and np.abs(landmarks - exact).max() <= STEP / 2 + 1e-4
    assert aspect == pytest.approx(0.8, abs=0.05)
    flat = np.array([[8, 8, 8, 8]], np.float32)
    assert mean_face(Candidates(flat, points[:1], scores[:1]), 0, -1)[1] == 1.0  # a box without area has a shape too


def test_scores_are_clamped_before_their_mean() -> None:
    tensors = outputs(128, 128)
    tensors[0][0, 0], tensors[3][0, 0] = 4.0, 0.25
    assert decode(tensors, 128, 0.1).scores.tolist() == [0.5]


def test_no_face_is_empty_everywhere() -> None:
    found = non_max_suppression(decode(outputs(128, 128), 128, 0.5), 0.3)
    assert found.boxes.shape == (0, 4)
    assert found.landmarks.shape == (0, 5, 2)


def test_suppression_keeps_the_best_of_overlapping_boxes() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [0, 0, 10, 4]], np.float32)
    scores = np.array([0.7, 0.9, 0.8, 0.6], np.float32)
    kept = non_max_suppression(Candidates(boxes, np.zeros((4, 5, 2), np.float32), scores), 0.3)
    np.testing.assert_array_equal(kept.scores, scores[[1, 2]])


@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(4, 128).map(lambda n: 32 * n))
def test_a_letterbox_holds_the_photo_in_its_proportions(height: int, width: int, side: int) -> None:
    box = fit_letterbox(height, width, side)
    assert 1 <= box.height <= box.input_height <= 4096
    assert 1 <= box.width <= box.input_width <= 4096
    assert box.input_height % 32 == box.input_width % 32 == 0
    assert max(box.height, box.width) == min(side, 2 * max(height, width))
    x, y = box.to_photo(height, width)
    assert box.width * x == pytest.approx(width)
    assert box.height * y == pytest.approx(height)


def test_planes_are_bgr_and_padded_with_black() -> None:
    photo = np.broadcast_to(np.array([10, 20, 30], np.uint8), (100, 50, 3))
    planes = input_planes(photo, fit_letterbox(100, 50, 160))
    assert planes.shape == (1, 3, 160, 128)
    assert planes.dtype == np.float32
    assert (planes[0, :, :160, :80] == np.array([30, 20, 10])[:, None, None]).all()
    assert not planes[0, :, :, 80:].any()


def test_a_photo_three_pixels_wide_is_no_channel_axis() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (300, 3, 3), np.uint8)
    planes = input_planes(photo, fit_letterbox(300, 3, 320))
    assert np.abs(planes[0, :, :320, :3].mean(axis=(1, 2)) - photo.mean(axis=(0, 1))[::-1]).max() < 2


def test_movement_counts_in_widths_of_the_box_before() -> None:
    assert movement((0, 0, 100, 120), (0, 0, 100, 120)) == (0, 1)
    assert movement((0, 0, 100, 120), (30, 40, 130, 160)) == pytest.approx((0.5, 1))
    assert movement((0, 0, 100, 120), (25, 30, 75, 90)) == (0, 0.5)
    for before, after in (
        ((0, 0, 0, 9), (0, 0, 9, 9)),
        ((0, 0, 9, 9), (5, 0, 4, 9)),
        ((0, 0, 9, 9), (0, 0, np.nan, 9)),
    ):
        assert movement(before, after) == (np.inf, np.inf)
