"""Runs one implementation on a checked batch, on one thread or several."""

from __future__ import annotations

from _thread import allocate_lock, start_new_thread
from collections import OrderedDict, deque
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from facedge.errors import InputError
from facedge.preprocessing import _reference
from facedge.preprocessing._kernels import kernel
from facedge.preprocessing.spec import Box

if TYPE_CHECKING:
    from facedge.preprocessing._types import Array, Bytes

MAX_PLANS = 32  # of some 100 KB at most; a camera or a training run uses one
SLICES = 4  # a thread: few enough to cost nothing, enough that nobody waits long for the last one

_plans: OrderedDict[tuple[int, ...], Any] = OrderedDict()
_lock = allocate_lock()


def run(images: Bytes, box: Box, out: Array, implementation: str, threads: int = 1) -> None:
    """(N, H, W, C) uint8 -> out (N, S, S'), float32 (normalised) or uint8 (rounded)."""
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
        raise InputError(f"threads is a count of 1 or more, not {threads!r}")
    if len(images) == 0:
        return
    work = _numpy(box) if implementation == "numpy" else _compiled(images, box, out, implementation)
    in_slices(work, images, out, int(threads))


def in_slices(work: Callable[[Any, Any], None], images: Any, out: Any, threads: int) -> None:
    """work(images, out) on slices of a batch, which the calling thread and its helpers take as they come free.

    Helpers are plain threads that find their end with the call: nothing stays behind to compete with onnxruntime's or
    torch's own, and a fork finds none. The caller begins at once and never waits for a helper to wake up, which may
    take longer than a small batch.
    """
    if threads == 1:
        work(images, out)
        return
    from queue import SimpleQueue

    count = len(images)
    expected = min(count, threads * SLICES)
    edges = [count * k // expected for k in range(expected + 1)]
    waiting = deque(slice(a, b) for a, b in pairwise(edges))
    finished: SimpleQueue[BaseException | None] = SimpleQueue()

    def take() -> None:
        while True:
            try:
                part = waiting.popleft()
            except IndexError:
                return
            try:
                work(images[part], out[part])
            except BaseException as problem:
                finished.put(problem)
            else:
                finished.put(None)

    for _ in range(min(threads, expected) - 1):
        start_new_thread(take, ())  # threading.Thread.start() would wait for it to run
    take()
    failures = [problem for _ in range(expected) if (problem := finished.get())]
    if failures:
        raise failures[0]


def _numpy(box: Box) -> Callable[[Bytes, Array], None]:
    def work(images: Bytes, out: Array) -> None:
        finish = _reference.to_bytes if out.dtype == np.uint8 else _reference.normalise
        for k in range(len(images)):  # one at a time: the integers take 8 times the room of the bytes
            out[k] = finish(_reference.accumulate(images[k : k + 1], box, *out.shape[1:]))[0]

    return work


def _compiled(images: Bytes, box: Box, out: Array, implementation: str) -> Callable[[Any, Any], None]:
    plan = _plan((*images.shape[1:], *images.strides[2:], *box, *out.shape[1:]))
    code = kernel.IMPLEMENTATIONS[implementation]

    def work(images: Bytes, out: Array) -> None:
        plan.run(images, out, code)

    return work


def _plan(key: tuple[int, ...]) -> Any:
    """The plan of weights for one geometry, from a small cache: the least recently used goes."""
    with _lock:
        if key in _plans:
            _plans.move_to_end(key)
            return _plans[key]
    plan = kernel.Plan(*key)
    with _lock:
        _plans[key] = plan
        while len(_plans) > MAX_PLANS:
            _plans.popitem(last=False)
    return plan
