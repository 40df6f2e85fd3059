"""Copies of a photo: the same file, re-encoded, resized; and what is no copy."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

from live_bundle import picture
from PIL import Image
from tiny_bundle import embedding_of

from facedge.enrollment.duplicates import Fingerprint, enrolled_already, find_copies, fingerprint

BOX = (30.0, 40.0, 130.0, 180.0)


def made(image: np.ndarray) -> Fingerprint:
    return fingerprint(embedding_of(image), image, BOX, image.shape)


def reencoded(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def test_a_re_encoded_copy_is_the_same_photo_and_another_take_is_not() -> None:
    photo, other = picture(0, 0), picture(0, 1)
    assert made(photo).same_photo(made(photo))
    assert made(photo).same_photo(made(reencoded(photo, 60)))
    assert not made(photo).same_photo(made(other))


def test_the_face_of_a_copy_is_at_the_same_place() -> None:
    one = made(picture(0, 0))
    assert one.place is not None
    moved = replace(one, place=(one.place[0] + 0.1, *one.place[1:]))
    assert not one.same_photo(moved)
    assert not one.same_photo(replace(one, place=None))  # an aligned crop beside a photo
    assert replace(one, place=None).same_photo(replace(one, place=None))


def test_copies_are_found_by_their_originals() -> None:
    a, b = made(picture(0, 0)), made(picture(1, 0))
    assert find_copies([a, b, a, None, b, a]) == {2: 0, 4: 1, 5: 0}
    assert find_copies([None, None]) == {}


def test_what_is_enrolled_already() -> None:
    x = np.eye(4, dtype=np.float32)
    assert enrolled_already(x[:3], x[1:2]) == [1]
    assert enrolled_already(x[:0], x) == enrolled_already(x, x[:0]) == []


@pytest.mark.real
def test_real_photos_re_encoded_and_resized(shared_data: Path, detector: None) -> None:
    from facedge.bundle import read_bundle
    from facedge.bundle.resolve import pretrained
    from facedge.enrollment.capture import check_photo
    from facedge.runtime.embedder import Embedder

    embedder = Embedder(read_bundle(pretrained()))

    def found(image: np.ndarray) -> Fingerprint:
        sample = check_photo(embedder, image, "").sample
        assert sample is not None
        assert sample.fingerprint is not None
        return sample.fingerprint

    files = [shared_data / "photos" / name for name in ("me/obama.jpg", "me/obama3.jpg", "others/biden.jpg")]
    images = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    originals = [found(image) for image in images]
    assert find_copies(originals) == {}
    for image, original in zip(images, originals, strict=True):
        small = np.asarray(Image.fromarray(image).reduce(2))
        for copy in (reencoded(image, 90), reencoded(image, 30), small, reencoded(small, 60)):
            assert original.same_photo(found(copy))
