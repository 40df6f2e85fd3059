"""Ctrl-C and SIGTERM during training: the step in work is finished, then the run stops with a checkpoint."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

AT_ONCE = 2.0  # seconds: a terminal and torchrun both send ctrl-C to a process, so a second one counts only after this


class StopRequest:
    """Whether a signal has asked the run to stop."""

    def __init__(self) -> None:
        self._asked_at: float | None = None

    def __call__(self) -> bool:
        return self._asked_at is not None

    def ask(self, _signal: int, _frame: object) -> None:
        """The handler of the signals; one that comes later again ends the process at once (KeyboardInterrupt)."""
        if self._asked_at is not None and time.monotonic() - self._asked_at > AT_ONCE:
            raise KeyboardInterrupt
        self._asked_at = self._asked_at or time.monotonic()


@contextlib.contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Ctrl-C (SIGINT, unless it is ignored) and SIGTERM are noted in the request instead of ending the block."""
    request = StopRequest()
    with _handled((signal.SIGINT, signal.SIGTERM), request.ask):
        yield request


@contextlib.contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """SIGTERM (a job scheduler, or torchrun after another process died) ends the block as ctrl-C does."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    with _handled((signal.SIGTERM,), interrupt):
        yield


@contextlib.contextmanager
def _handled(numbers: tuple[signal.Signals, ...], handler: "signal._HANDLER") -> Iterator[None]:
    """The handler for these signals, except for those that the process ignores; in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    before = [signal.signal(number, handler) for number in heard]
    try:
        yield
    finally:
        for number, previous in zip(heard, before, strict=True):
            signal.signal(number, previous)
