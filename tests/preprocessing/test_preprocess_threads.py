"""Threads: the same bits for any count, plans shared safely, errors raised by the call, nothing left running."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from facedge.preprocessing import PreprocessSpec, kernel, preprocess

IMAGES = np.random.default_rng(3).integers(0, 256, (7, 50, 40, 3), dtype=np.uint8)


@pytest.mark.parametrize("threads", [1, 2, 3, 7, 50])
def test_any_number_of_threads_gives_the_same_bits(implementation: str, threads: int) -> None:
    before = threading.active_count()
    np.testing.assert_array_equal(preprocess(IMAGES, threads=threads), preprocess(IMAGES))
    assert threading.active_count() == before


def test_one_thread_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a thread was started")

    monkeypatch.setattr(kernel, "start_new_thread", refuse)
    assert preprocess(IMAGES, threads=1).shape == (7, 1, 64, 64)


def test_an_error_in_a_thread_is_raised_by_the_call() -> None:
    def work(images: object, out: object) -> None:
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        kernel.in_slices(work, IMAGES, IMAGES, 3)


def test_many_callers_with_many_geometries_share_the_plans(implementation: str) -> None:
    """More geometries than the cache holds, from several threads at a time: evicted plans stay valid while they run."""
    sizes = [8 + k % (2 * kernel.MAX_PLANS) for k in range(200)]
    expected = {size: preprocess(IMAGES[:1], PreprocessSpec(size=size)) for size in set(sizes)}
    with ThreadPoolExecutor(6) as pool:
        results = pool.map(lambda size: preprocess(IMAGES[:1], PreprocessSpec(size=size)), sizes)
        for size, result in zip(sizes, results, strict=True):
            np.testing.assert_array_equal(result, expected[size])
    assert len(kernel._plans) <= kernel.MAX_PLANS


def test_a_plan_refuses_what_it_was_not_made_for() -> None:
    if kernel.compiled is None:
        pytest.skip("no compiled kernel here")
    code = kernel.compiled.IMPLEMENTATIONS["portable"]
    good = np.empty((7, 8, 8), np.float32)
    plan = kernel.compiled.Plan(50, 40, 3, 3, 1, 0, 0, 256, 256, 8, 8)
    plan.run(IMAGES, good, code)
    for images, out in ((IMAGES[:, :49], good), (IMAGES[:, :, ::2], good), (IMAGES[..., ::-1], good)):
        with pytest.raises(ValueError, match="plan"):
            plan.run(images, out, code)
    for out in (good[:6], good[:, :7], np.empty((7, 8, 9), np.float32)):
        with pytest.raises(ValueError, match=r"plan|contiguous"):
            plan.run(IMAGES, out, code)
    with pytest.raises(ValueError, match="implementation"):
        plan.run(IMAGES, good, 99)
    with pytest.raises(ValueError, match="kernel refused"):
        kernel.compiled.Plan(50, 40, 2, 3, 1, 0, 0, 256, 256, 8, 8)
