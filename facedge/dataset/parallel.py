"""An ordered parallel map over processes that ctrl-C interrupts and that ends with an error when a worker dies."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Final, TypeVar

from facedge.errors import FacedgeError

Item = TypeVar("Item")
Result = TypeVar("Result")

_QUEUED: Final = 3  # items per worker that are submitted ahead of the consumer


def ordered_map(work: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Generator[Result, None, None]:
    """`map(work, items)` on `workers` processes, results in order.

    With one worker, or where there is no /dev/shm to start several, everything runs in this process. At most 3 items
    per worker are in flight, however slow the consumer. Ctrl-C interrupts only this process: the workers end when the
    generator is closed or when this process dies. Raises FacedgeError if a worker dies.
    """
    workers = min(workers, len(items))
    if workers <= 1:
        yield from map(work, items)
        return
    ahead = _QUEUED * workers
    try:
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_exit_with_parent)
    except (OSError, ImportError):  # a container without /dev/shm has no semaphores for the pool's queues
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    try:
        with _sigint_ignored():  # the workers start here and inherit it
            waiting.extend(pool.submit(work, item) for item in items[:ahead])
        for following in range(ahead, len(items) + ahead):
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
def _sigint_ignored() -> Iterator[None]:
    """Processes started inside ignore ctrl-C (SIGINT) from their first instruction on."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _exit_with_parent() -> None:
    """Start a thread that ends this worker when its parent process has ended, even by SIGKILL."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
