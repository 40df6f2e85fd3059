"""What the public functions take, and the sentence with which they refuse the rest."""

import tracemalloc
from typing import Any

import numpy as np
import pytest

from facedge.errors import InputError
from facedge.preprocessing import PreprocessSpec, preprocess, resize_grey

RNG = np.random.default_rng(1)
IMAGE = RNG.integers(0, 256, (218, 178, 3), dtype=np.uint8)
SMALL = RNG.integers(0, 256, (12, 10, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("shape", "count"),
    [((20, 30), 1), ((20, 30, 3), 1), ((5, 20, 30), 5), ((5, 20, 30, 3), 5), ((5, 20, 30, 1), 5), ((0, 20, 30, 3), 0)],
)
def test_shapes_of_images_and_batches(implementation: str, shape: tuple[int, ...], count: int) -> None:
    images = RNG.integers(0, 256, shape, dtype=np.uint8)
    assert preprocess(images, PreprocessSpec(size=16)).shape == (count, 1, 16, 16)
    assert resize_grey(images, (9, 7)).shape == (count, 9, 7)


@pytest.mark.parametrize("shape", [(), (3,), (20, 30, 1), (20, 30, 2), (20, 30, 4), (2, 20, 30, 4), (1, 2, 20, 30, 3)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"\(H, W, 3\)"):
        preprocess(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.float32, np.bool_])
def test_other_dtypes_are_refused(dtype: Any) -> None:
    with pytest.raises(InputError, match="uint8"):
        preprocess(np.zeros((20, 30, 3), dtype))


@pytest.mark.parametrize("shape", [(0, 30, 3), (30, 0, 3), (16385, 1, 3), (1, 16385, 3)])
def test_sides_out_of_range_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="16384"):
        preprocess(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((-1, 0, 5, 5), "outside the 10x12 image"),
        ((0, -0.01, 5, 5), "outside"),
        ((0, 0, 10.01, 5), "outside"),
        ((0, 0, 5, 13), "outside"),
        ((1e300, 0, 5, 5), "empty"),
        ((0, 0, 1e300, 5), "outside"),
        ((0, 0, 1.7e308, 5), "finite"),
        ((5, 0, 5, 5), "empty"),
        ((6, 0, 5, 5), "empty"),
        ((0, 5, 5, 5.001), "empty"),
        ((float("nan"), 0, 5, 5), "finite"),
        ((0, 0, float("inf"), 5), "finite"),
        ((0, 0, 5), "four"),
        (7, "four"),
        (("a", 0, 5, 5), "four"),
    ],
)
def test_boxes_that_are_none_are_refused(implementation: str, box: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        preprocess(SMALL, box=box)
    with pytest.raises(InputError, match=words):
        resize_grey(SMALL, (4, 4), box=box)


def test_a_box_may_touch_the_border_and_is_rounded_to_256ths(implementation: str) -> None:
    whole = preprocess(SMALL, box=(0, 0, 10, 12))
    np.testing.assert_array_equal(whole, preprocess(SMALL, box=(0.001, -0.001, 10.001, 12)))
    assert not np.array_equal(whole, preprocess(SMALL, box=(0, 0, 10, 12 - 1 / 128)))


def test_a_box_of_whole_pixels_is_the_crop_where_it_shrinks(implementation: str) -> None:
    cropped = preprocess(IMAGE[60:188, 24:152], box=(0, 0, 128, 128))
    np.testing.assert_array_equal(preprocess(IMAGE), cropped)


def test_an_image_too_thin_for_the_crop_is_refused() -> None:
    thin = np.zeros((1, 1, 3), np.uint8)
    assert preprocess(thin).shape == (1, 1, 64, 64)
    with pytest.raises(InputError, match="empty"):
        preprocess(thin, PreprocessSpec(crop=(0, 0, 1, 1)))


@pytest.mark.parametrize("size", [(0, 5), (5, 4097), (5,), 5, (5.0, 5), (True, 5), "55"])
def test_output_sizes_that_are_none_are_refused(size: Any) -> None:
    with pytest.raises(InputError, match="output"):
        resize_grey(SMALL, size)


def test_out_is_written_and_returned(implementation: str) -> None:
    out = np.full((1, 1, 64, 64), 7, np.float32)
    assert preprocess(IMAGE, out=out) is out
    np.testing.assert_array_equal(out, preprocess(IMAGE))


def test_out_may_be_every_other_image_of_a_buffer(implementation: str) -> None:
    buffer = np.full((5, 1, 64, 64), 7, np.float32)
    preprocess(np.stack([IMAGE, IMAGE[::-1], IMAGE]), out=buffer[::-2])
    np.testing.assert_array_equal(buffer[0], buffer[4])
    assert (buffer[1::2] == 7).all()
    np.testing.assert_array_equal(buffer[2:3], preprocess(IMAGE[::-1]))


def read_only() -> np.ndarray[Any, np.dtype[np.float32]]:
    array = np.zeros((1, 1, 64, 64), np.float32)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("out", "words"),
    [
        (np.zeros((1, 64, 64), np.float32), "float32 array"),
        (np.zeros((1, 1, 64, 64), np.float64), "float32 array"),
        ([1.0], "list"),
        (read_only(), "writable"),
        (np.zeros((1, 1, 64, 128), np.float32)[..., ::2], "contiguous"),
    ],
)
def test_buffers_that_do_not_fit_are_refused(implementation: str, out: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        preprocess(IMAGE, out=out)


def test_out_that_overlaps_the_images_is_refused() -> None:
    images = np.zeros((4, 8, 8, 1), np.uint8)
    with pytest.raises(InputError, match="overlaps"):
        resize_grey(images, (8, 8), out=images[..., 0])


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", None, True])
def test_threads_is_a_count(implementation: str, threads: Any) -> None:
    with pytest.raises(InputError, match="threads"):
        preprocess(IMAGE, threads=threads)


def test_anything_with_a_buffer_is_an_image(implementation: str) -> None:
    expected = preprocess(IMAGE)
    frozen = IMAGE.copy()
    frozen.flags.writeable = False
    for same in (frozen, memoryview(IMAGE), memoryview(IMAGE.tobytes()).cast("B", IMAGE.shape)):
        np.testing.assert_array_equal(preprocess(same), expected)


def test_views_are_read_in_place(implementation: str) -> None:
    """A crop of a frame, flipped and turned to BGR: no copy of the frame is made."""
    frame = RNG.integers(0, 256, (2000, 3000, 3), dtype=np.uint8)
    crop = frame[1500:300:-1, 700:1900, ::-1]
    expected = preprocess(np.ascontiguousarray(crop))
    tracemalloc.start()
    try:
        found = preprocess(crop)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(found, expected)
    assert peak < (frame.nbytes // 2 if implementation == "numpy" else 200_000)
