"""Work on several processes, results in order: interruptible, and never hanging on a process that died."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from facedge.errors import FacedgeError

Item = TypeVar("Item")
Result = TypeVar("Result")


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(work: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Generator[Result, None, None]:
    """`map(work, items)` on `workers` processes; with one, in this process.

    A few items per worker are in flight, however slow the consumer. Ctrl-C reaches only this process: the workers
    end when the generator is closed, or when this process dies.
    """
    workers = min(workers, len(items))
    if workers <= 1:
        yield from map(work, items)
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_follow_parent)
    waiting: deque[Future[Result]] = deque()
    try:
        with _interrupts_ignored():  # the workers start now and inherit it
            waiting.extend(pool.submit(work, item) for item in items[: 3 * workers])
        for following in range(3 * workers, len(items) + 3 * workers):
            if not waiting:
                break
            result = waiting.popleft().result()
            if following < len(items):
                waiting.append(pool.submit(work, items[following]))
            yield result
    except BrokenProcessPool as problem:
        raise FacedgeError("a worker process died (out of memory?): run again with fewer workers") from problem
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes started inside ignore ctrl-C from their first instruction on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _follow_parent() -> None:
    """End this worker when the process that started it is gone, however it went."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
