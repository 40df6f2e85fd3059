"""The C core (ext/copies.h) takes the same photos for copies as facedge/enrollment/duplicates.py."""

import io
from functools import cache
from itertools import product

import numpy as np
import pytest
from core_enrollment import FACE_PIXELS, HALF_PIXELS, Core, build_core
from PIL import Image

from facedge.demo.synthetic_dataset import synthetic_face
from facedge.enrollment.duplicates import Fingerprint, fingerprint
from facedge.faces.motion import ACROSS, ALONG, FACE, MotionModel, even_light, fit_motion
from facedge.types import Float64Array, UInt8Array

_AFFINE = np.stack([np.ones(FACE.shape), ACROSS, ALONG])
MODEL = MotionModel(_AFFINE, _AFFINE, np.full(6, 2.0))
VIEWS = (False, True)  # mirrored


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Core:
    return build_core(tmp_path_factory.mktemp("core"))


@cache
def drawn(person: int, shot: int) -> UInt8Array:
    with Image.open(io.BytesIO(synthetic_face(5, person, shot)[0])) as image:
        return np.asarray(image.convert("RGB"))


def moved(crop: UInt8Array, scale: float, degrees: float, x: float, y: float) -> UInt8Array:
    """The crop as it would be aligned otherwise: larger, turned around its middle, and shifted by pixels."""
    c, s = np.cos(np.radians(degrees)) / scale, np.sin(np.radians(degrees)) / scale
    matrix = (c, -s, x + 89 - 89 * c + 109 * s, s, c, y + 109 - 89 * s - 109 * c)
    return np.asarray(
        Image.fromarray(crop).transform((178, 218), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    )


def copies_of(crop: UInt8Array) -> list[UInt8Array]:
    """Encoded again, cut, turned, brighter, of one half the contrast, grey, and several of these mirrored."""
    encoded = io.BytesIO()
    Image.fromarray(crop).save(encoded, "JPEG", quality=50)
    with Image.open(encoded) as image:
        again = np.asarray(image)
    brighter = np.clip(crop * 1.15 + 10, 0, 255).astype(np.uint8)
    flatter = (crop * 0.5 + 60).astype(np.uint8)
    grey = np.repeat(crop.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    found = [again, moved(crop, 1.04, 0, 2, -1.5), moved(crop, 1, 3, -1, 1), brighter, flatter, grey]
    return [*found, *(np.ascontiguousarray(view[:, ::-1]) for view in (crop, *found))]


def as_in_python(crop: UInt8Array) -> Fingerprint:
    return fingerprint(crop, np.zeros(1, np.float32))


def likenesses(one: Fingerprint, other: Fingerprint) -> list[float]:
    return [fit_motion(MODEL, one.face, other.face[:, ::-1] if view else other.face).likeness for view in VIEWS]


def assert_same(core: Core, photos: list[UInt8Array], others: list[UInt8Array]) -> tuple[int, int]:
    """Both find the same of each pair; returns how many pairs are copies, and how many are not."""
    verdicts = []
    for photo, other in product(photos, others):
        ours, theirs = (core.fingerprint(photo), core.fingerprint(other)), (as_in_python(photo), as_in_python(other))
        likeness = [core.moved_likeness(*ours, view) for view in VIEWS]
        np.testing.assert_allclose(likeness, likenesses(*theirs), rtol=0, atol=1e-9)
        assert core.same_photo(*ours) == theirs[0].same_photo(theirs[1])
        verdicts.append(core.same_photo(*ours))
    return sum(verdicts), len(verdicts) - sum(verdicts)


def noise(seed: int) -> UInt8Array:
    return np.random.default_rng(seed).integers(0, 256, (218, 178, 3), np.uint8)


def blurred_values(face: Float64Array) -> Float64Array:
    """The core's blurred face for one in even light, by sums over every square."""
    for radius in (4, 4):
        padded = np.pad(face, radius, mode="edge")
        face = np.lib.stride_tricks.sliding_window_view(padded, (2 * radius + 1,) * 2).mean(axis=(2, 3))
    values = face[FACE] - face[FACE].mean()
    return values / np.linalg.norm(values)


@pytest.mark.parametrize("crop", [drawn(13, 0), drawn(1, 2), noise(1)], ids=["one", "another", "noise"])
def test_the_same_fingerprint(core: Core, crop: UInt8Array) -> None:
    assert FACE.sum() == FACE_PIXELS
    found, light = core.fingerprint(crop), even_light(crop)
    np.testing.assert_allclose(found[:HALF_PIXELS], light.ravel(), rtol=0, atol=1e-12)
    expected = [blurred_values(light), blurred_values(light[:, ::-1])]
    np.testing.assert_allclose(found[HALF_PIXELS:].reshape(2, -1), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("person", [13, 1])
def test_the_same_copies(core: Core, person: int) -> None:
    original = drawn(person, 0)
    copies, others = assert_same(core, copies_of(original), [original])
    assert copies >= 12 and others <= 2
    assert_same(core, [original], copies_of(original)[1:3])


def test_other_photos_are_the_same_no_copies(core: Core) -> None:
    shots = [drawn(13, shot) for shot in range(1, 4)]
    assert assert_same(core, shots, [drawn(13, 0), np.ascontiguousarray(drawn(13, 0)[:, ::-1]), drawn(1, 0)])[0] == 0
    assert assert_same(core, [noise(1), noise(2)], [noise(3), drawn(13, 0)])[0] == 0


def test_motions_at_and_beyond_the_limit(core: Core) -> None:
    original = drawn(23, 0)
    turns = [moved(original, scale, degrees, 0, 0) for degrees in (0, 9, 12, 45) for scale in (0.8, 0.9, 0.95, 1.06)]
    copies, others = assert_same(core, turns, [original])
    assert copies and others


def test_an_even_crop_is_no_copy(core: Core) -> None:
    flat = np.full((218, 178, 3), 90, np.uint8)
    assert assert_same(core, [flat], [flat, drawn(13, 0)]) == (0, 2)


def test_crops_of_other_sizes(core: Core) -> None:
    original = drawn(13, 0)
    small = np.asarray(Image.fromarray(original).resize((120, 147), Image.Resampling.LANCZOS))
    assert assert_same(core, [small], [original]) == (1, 0)
