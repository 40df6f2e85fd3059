"""The fit, its fixed-point plan, and the landmarks that are refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.errors import InputError
from facedge.faces.align import ONE, TARGET, align, checked_landmarks, fit_similarity, sample_count, sampling_for
from facedge.preprocessing.spec import LANDMARKS
from facedge.types import Float64Array, UInt8Array


def moved(m: complex, t: complex, points: Float64Array = TARGET) -> Float64Array:
    z = m * (points[:, 0] + 1j * points[:, 1]) + t
    return np.stack([z.real, z.imag], axis=1)


angles = st.floats(-math.pi, math.pi)
scales = st.floats(0.2, 40)
shifts = st.floats(-500, 500)


@given(angles, scales, shifts, shifts)
def test_a_similarity_is_found_again(angle: float, scale: float, x: float, y: float) -> None:
    m, t = scale * np.exp(1j * angle), complex(x, y)
    found_m, found_t = fit_similarity(TARGET, moved(m, t))
    assert abs(found_m - m) < 1e-9 * scale
    assert abs(found_t - t) < 1e-7 * (scale + abs(t) + 1)


def test_the_fit_is_umeyamas() -> None:
    """Against the matrix form of the paper, with its singular value decomposition, on noisy points."""
    random = np.random.default_rng(0)
    p = TARGET + random.normal(0, 8, (5, 2))
    centred_p, centred_q = p - p.mean(0), TARGET - TARGET.mean(0)
    u, d, vt = np.linalg.svd(centred_q.T @ centred_p)
    sign = np.diag([1, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    matrix = np.trace(np.diag(d) @ sign) / (centred_p**2).sum() * (u @ sign @ vt)
    m, t = fit_similarity(p, TARGET)
    np.testing.assert_allclose([[m.real, -m.imag], [m.imag, m.real]], matrix, atol=1e-12)
    np.testing.assert_allclose([t.real, t.imag], TARGET.mean(0) - matrix @ p.mean(0), atol=1e-9)


def test_a_mirrored_face_is_never_reflected() -> None:
    m, t = fit_similarity(TARGET * [-1, 1], TARGET)
    assert np.linalg.det([[m.real, -m.imag], [m.imag, m.real]]) > 0
    assert np.isfinite([t.real, t.imag]).all()


def test_landmarks_on_the_target_give_the_identity() -> None:
    plan = sampling_for(*fit_similarity(TARGET, TARGET))
    assert plan.samples == 1
    assert abs(plan.dx - ONE) <= 2
    assert abs(plan.dy) <= 2
    assert abs(plan.x0 - ONE // 256) <= 1024  # half of 1/128 pixel, and the rounding of doubles
    assert abs(plan.y0 - ONE // 256) <= 1024


def test_landmarks_on_the_target_return_the_image() -> None:
    image = np.random.default_rng(1).integers(0, 256, (218, 178, 3), np.uint8)
    np.testing.assert_array_equal(align(image, TARGET), image)


def test_the_target_stays_near_celebas_own_landmarks() -> None:
    assert np.abs(TARGET - np.array(LANDMARKS)).max() < 2.5


@given(st.floats(1.01, 58))
def test_samples_are_dense_enough_that_nothing_aliases(step: float) -> None:
    """The grid's first repetition, n/step less the pass band 1/step, lies at or past the frame's finest detail, 1/2."""
    n = sample_count(step)
    assert (n - 1) / step >= 0.5 - 1e-12
    assert n == 2 or (n - 2) / step < 0.5


def test_sample_counts_end_where_sums_would_overflow() -> None:
    assert [sample_count(step) for step in (0.1, 1, 2, 3, 4, 1000)] == [1, 1, 2, 3, 3, 31]


FACE = TARGET + 40


@pytest.mark.parametrize(
    ("landmarks", "message"),
    [
        (np.where(np.arange(10).reshape(5, 2) == 3, np.nan, FACE), "finite"),
        (np.full((5, 2), np.inf), "finite"),
        (np.full((5, 2), 70.0), "from their middle"),
        (FACE * 0.01 + 100, "from their middle"),
        (FACE * 1e6, "from their middle"),
        (FACE + 5000, "inside the 320x240 frame"),
        (FACE - 5000, "inside the 320x240 frame"),
        (FACE[:4], r"shape \(5, 2\)"),
        (FACE.ravel(), r"shape \(5, 2\)"),
        (FACE * [-1, 1] + [300, 0], "order"),
        ("eyes", "5 pairs of numbers"),
        ([[1, 2], [3]], "5 pairs of numbers"),
    ],
)
def test_degenerate_landmarks_are_one_clear_sentence(landmarks: object, message: str) -> None:
    frame = np.zeros((240, 320, 3), np.uint8)
    with pytest.raises(InputError, match=message) as caught:
        align(frame, landmarks)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@given(st.lists(st.floats(width=32), min_size=10, max_size=10))
def test_any_numbers_are_either_aligned_or_refused(values: list[float]) -> None:
    frame = np.full((60, 80, 3), 9, np.uint8)
    try:
        crop = align(frame, np.reshape(values, (5, 2)))
    except InputError:
        return
    assert (crop == 9).all()


def test_mirrored_landmarks_are_refused_though_finite() -> None:
    with pytest.raises(InputError, match="order"):
        checked_landmarks(FACE * [-1, 1] + [300, 0], 300, 300)


@pytest.mark.parametrize("frame", [np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_frames_that_are_no_photo_are_refused(frame: UInt8Array) -> None:
    with pytest.raises(InputError, match="photo"):
        align(frame, FACE)


def test_out_is_filled_and_returned() -> None:
    frame = np.random.default_rng(2).integers(0, 256, (300, 300, 3), np.uint8)
    out = np.empty((218, 178, 3), np.uint8)
    assert align(frame, FACE, out=out) is out
    np.testing.assert_array_equal(out, align(frame, FACE))
    with pytest.raises(InputError, match="out"):
        align(frame, FACE, out=out[:, ::2])
