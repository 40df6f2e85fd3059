"""The compiled kernel and numpy give the same bits from a frame to a crop, on random input and on real photos."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedge.faces import boxes
from facedge.faces.align import MAX_SAMPLES, TARGET, align, checked_landmarks
from facedge.faces.boxes import OUTPUT_NAMES, STRIDES, Candidates, fit_letterbox, input_planes, mean_face
from facedge.faces.crop import FaceCrop, find_crop, follow_crop
from facedge.faces.landmarks import NEXT_WINDOW, WINDOW, Refined, face_window
from facedge.faces.plausible import _four_turns, _is_upright, roll, stretch
from facedge.faces.quality import measure
from facedge.imaging import load_rgb
from facedge.preprocessing import kernel
from facedge.types import Float32Array, UInt8Array

pytestmark = pytest.mark.skipif(kernel.compiled is None, reason="no compiled kernel here")


def with_both(monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]) -> tuple[Any, Any]:
    """What `work` gives with the fastest implementation and with numpy."""
    monkeypatch.delenv("FACEDGE_KERNEL", raising=False)
    fast = work()
    monkeypatch.setenv("FACEDGE_KERNEL", "numpy")
    assert kernel.compiled_code() is None
    return fast, work()


def random_frame(rng: np.random.Generator, height: int, width: int) -> UInt8Array:
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def random_outputs(rng: np.random.Generator, height: int, width: int, spread: float = 1.0) -> list[Float32Array]:
    """Outputs with a handful of faces, whose neighbouring cells find them too."""
    found = []
    for name in OUTPUT_NAMES:
        kind, stride = name.split("_")
        cells = (height // int(stride)) * (width // int(stride))
        channels = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}[kind]
        low = (
            rng.uniform(-0.1, 1.1, (1, cells, 1)) ** 6 if channels == 1 else rng.normal(0, spread, (1, cells, channels))
        )
        found.append(low.astype(np.float32))
    return found


def same_candidates(one: Candidates, other: Candidates) -> None:
    for name in ("boxes", "landmarks", "scores"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


VIEWS: list[Callable[[UInt8Array], UInt8Array]] = [
    lambda frame: frame,
    lambda frame: frame[:, :, ::-1],
    lambda frame: np.rot90(frame),
    lambda frame: np.rot90(frame, 2),
    lambda frame: frame[::-1, ::2],
    lambda frame: np.broadcast_to(frame[:, :, :1], frame.shape),
    lambda frame: np.ascontiguousarray(frame.transpose(2, 0, 1)).transpose(1, 2, 0),
]


@pytest.mark.parametrize("view", range(len(VIEWS)))
@pytest.mark.parametrize(("height", "width", "side"), [(96, 130, 160), (301, 203, 128), (17, 640, 320), (40, 3, 192)])
def test_letterbox(view: int, height: int, width: int, side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = VIEWS[view](random_frame(np.random.default_rng(view), height, width))
    box = fit_letterbox(*frame.shape[:2], side)
    np.testing.assert_array_equal(*with_both(monkeypatch, lambda: input_planes(frame, box)))


@pytest.mark.parametrize("seed", range(30))
def test_decoding_and_suppression(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    height, width = (32 * int(rng.integers(4, 9)) for _ in range(2))
    outputs = random_outputs(rng, height, width, spread=(1.0, 0.1, 40.0)[seed % 3])
    least = float(rng.uniform(0, 1))
    fast, slow = with_both(monkeypatch, lambda: boxes.decode(outputs, width, least))
    same_candidates(fast, slow)
    with np.errstate(all="ignore"):  # boxes of e^40 pixels
        same_candidates(*with_both(monkeypatch, lambda: boxes.non_max_suppression(fast, 0.3)))


def test_values_that_are_no_numbers_are_no_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = random_outputs(np.random.default_rng(1), 128, 128)
    for tensor in outputs[:6]:
        tensor[:, ::2] = math.nan
    fast, slow = with_both(monkeypatch, lambda: boxes.decode(outputs, 128, 0.0))
    same_candidates(fast, slow)
    assert 0 < len(fast.scores) <= sum((128 // s) ** 2 for s in STRIDES) // 2


@pytest.mark.parametrize("seed", range(20))
def test_mean_of_neighbouring_cells(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 40))
    corner = rng.normal(100, 8, (count, 2))
    found = Candidates(
        np.concatenate([corner, corner + rng.uniform(40, 60, (count, 2))], axis=1).astype(np.float32),
        rng.normal(120, 5, (count, 5, 2)).astype(np.float32),
        rng.uniform(0.3, 1, count).astype(np.float32),
    )
    fast, slow = with_both(monkeypatch, lambda: mean_face(found, count // 2, 0.5))
    np.testing.assert_array_equal(fast[0], slow[0])
    assert fast[1] == slow[1]


def random_landmarks(rng: np.random.Generator) -> Any:
    angle, scale = rng.uniform(-math.pi, math.pi), math.exp(rng.uniform(-1.5, 2))
    turn = scale * np.array([(math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle))])
    points = (TARGET + rng.normal(0, 3, (5, 2)) - TARGET.mean(axis=0)) @ turn.T
    return points + rng.uniform(50, 300, 2)


@pytest.mark.parametrize("seed", range(40))
def test_windows_and_crops(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    frame, points = random_frame(rng, 350, 420), random_landmarks(rng)
    np.testing.assert_array_equal(*with_both(monkeypatch, lambda: align(frame, points)))
    checked = checked_landmarks(points, 350, 420)
    fast, slow = with_both(monkeypatch, lambda: face_window(frame, checked, WINDOW // 4, 40))
    assert (fast.m, fast.t) == (slow.m, slow.t)
    np.testing.assert_array_equal(fast.planes, slow.planes)
    np.testing.assert_array_equal(*with_both(monkeypatch, lambda: _four_turns(fast.planes)))


@pytest.mark.parametrize("seed", range(40))
def test_roll_and_stretch_to_the_last_digits(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their logarithm and angle come from ext/fe_math.h, which no C library's need equal in the last bit."""
    rng = np.random.default_rng(seed)
    points, aspect = random_landmarks(rng), float(rng.uniform(0.3, 2))
    fast, slow = with_both(monkeypatch, lambda: roll(points))
    assert fast == pytest.approx(slow, rel=1e-14, abs=1e-13)
    face = Refined(points.astype(np.float32), aspect)
    fast, slow = with_both(monkeypatch, lambda: stretch(face))
    assert fast == pytest.approx(slow, rel=1e-13, abs=1e-14)


@pytest.mark.parametrize("seed", range(10))
def test_measures_of_a_crop(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    crop = (random_frame(rng, 218, 178) // (seed + 1)).astype(np.uint8)
    fast, slow = with_both(monkeypatch, lambda: measure(crop if seed % 2 else crop[..., 0], None))
    assert fast == slow


@pytest.mark.parametrize("fault", ["nan", "one point", "far away", "another order", "elsewhere"])
def test_the_same_landmarks_are_refused(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    points = TARGET.copy()
    if fault == "nan":
        points[3, 1] = math.nan
    elif fault == "one point":
        points[:] = 50
    elif fault == "far away":
        points *= 10_000
    elif fault == "another order":
        points = points[[0, 3, 2, 1, 4]]
    else:
        points += 1000

    def refusal() -> str:
        with pytest.raises(Exception, match="expected") as caught:
            checked_landmarks(points, 300, 300)
        return str(caught.value)

    fast, slow = with_both(monkeypatch, refusal)
    assert fast == slow


def test_a_tiny_face_takes_the_most_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = random_frame(np.random.default_rng(3), 3000, 40)
    points = (TARGET - TARGET.mean(axis=0)) * 70 + [20, 1500]  # wider than the frame: 70 pixels to one of the crop
    np.testing.assert_array_equal(*with_both(monkeypatch, lambda: align(frame, points)))
    assert MAX_SAMPLES < 1 + 70 / 2


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.usefixtures("detector")
def test_real_photos_give_the_same_crops(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = sorted((shared_data / "photos").rglob("*.jp*g")) + sorted((shared_data / "non_face").rglob("*.jp*g"))[:5]
    lfw = sorted((shared_data / "lfw").rglob("*.jpg"))[::400]
    reasons = set()
    for path in [*paths, *lfw]:
        image = load_rgb(path)
        for view in (image, image[::2, ::3]):
            fast, slow = with_both(monkeypatch, lambda view=view: find_crop(view, aligned=False))
            assert_same_search(fast, slow, path)
            reasons.add(fast.reason)
        if fast.crop is not None:
            assert_same_search(
                *with_both(monkeypatch, lambda view=view, fast=fast: follow_crop(view, fast) or fast), path
            )
    assert {None, "no_face"} <= reasons
    assert WINDOW > NEXT_WINDOW


def assert_same_search(fast: FaceCrop, slow: FaceCrop, path: Path) -> None:
    assert (fast.reason, fast.turned, len(fast.faces)) == (slow.reason, slow.turned, len(slow.faces)), path
    if fast.face is not None and slow.face is not None:
        assert fast.face.box == slow.face.box, path
        np.testing.assert_array_equal(fast.face.landmarks, slow.face.landmarks)
        assert (fast.stretch is None) == (slow.stretch is None)
        assert fast.stretch is None or fast.stretch == pytest.approx(slow.stretch, rel=1e-13, abs=1e-14)
    if fast.crop is not None:
        np.testing.assert_array_equal(fast.crop, slow.crop)


def test_undecided_copies_are_not_upright(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, points = random_frame(np.random.default_rng(0), 480, 640), TARGET * 1.5 + 100

    class Copies:
        def __init__(self, scores: list[float]) -> None:
            middles = np.array([(64, 64), (192, 64), (64, 192), (192, 192)])
            faces = np.stack([TARGET * 0.9 - (TARGET * 0.9).mean(axis=0) + middle for middle in middles])
            corners = np.concatenate([middles - 37, middles + 37], axis=1)
            self.found = Candidates(corners.astype(np.float32), faces.astype(np.float32), np.array(scores, np.float32))

        def candidates(self, planes: Float32Array, min_score: float) -> Candidates:
            return self.found.take(np.flatnonzero(self.found.scores >= min_score))

    for scores, expected in (([0.9, 0.1, 0.1, 0.1], True), ([0.9, 0.9, 0, 0], False), ([0, 0, 0, 0.0], False)):
        copies: Any = Copies(scores)
        found = with_both(
            monkeypatch, lambda copies=copies: _is_upright(frame, checked_landmarks(points, 480, 640), copies)
        )
        assert found == (expected, expected)
