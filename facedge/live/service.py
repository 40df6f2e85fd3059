"""A verifier as a service: systemd's notifications (sd_notify(3)), and an end in order at SIGTERM.

    service = Service()
    with ended_by_sigterm() as terminated:
        for frame in frames:
            service.step(delivered=frame is not None)

Without NOTIFY_SOCKET in the environment, as outside a unit of `Type=notify`, nothing is sent.
"""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping

TERMINATED = 128 + 15  # exit code after SIGTERM, as of a shell; not 0, which means accepted
LEAST_PERIOD = 1.0  # seconds between two notifications of the watchdog


class Service:
    """Tells systemd that the first frame was processed, that frames are, what the state is, and that the end has come.

    The variables are taken out of `environment`, so that commands run on events do not notify in its name.
    """

    def __init__(
        self, environment: MutableMapping[str, str] = os.environ, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Read NOTIFY_SOCKET and WATCHDOG_USEC."""
        self._address = environment.pop("NOTIFY_SOCKET", "")
        self._period = watchdog_period(environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", ""))
        self._clock = clock
        self._ready = self._lost = False
        self._next = float("-inf")

    def step(self, *, delivered: bool) -> None:
        """Call after each frame, and with delivered=False while none comes.

        The watchdog is reset while frames are processed, and while a lost camera is waited for, which ends by itself.
        """
        if delivered and not self._ready:
            self._ready = True
            self._send("READY=1")
        now = self._clock()
        if self._period and (delivered or self._lost) and now >= self._next:
            self._next = now + self._period
            self._send("WATCHDOG=1")

    def event(self, kind: str, message: str) -> None:
        """Show an event of the watcher as the unit's status."""
        if kind in ("lost", "back"):
            self._lost = kind == "lost"
        self._send(f"STATUS={' '.join((message or kind).split())}")

    def stopping(self) -> None:
        """The service ends."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        """One datagram to systemd's socket; a socket that is gone is no reason to end a verifier."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
        ):
            out.settimeout(1.0)
            out.sendto(text.encode("utf-8", "replace"), address)


def watchdog_period(microseconds: str, process: str) -> float:
    """Seconds between two notifications; 0.0 where this process is not watched.

    A quarter of WATCHDOG_USEC, of short ones up to half.
    """
    if not microseconds.isdecimal() or (process and process != str(os.getpid())):
        return 0.0
    return max(int(microseconds) / 4e6, min(LEAST_PERIOD, int(microseconds) / 2e6))


@contextlib.contextmanager
def ended_by_sigterm() -> Iterator[Callable[[], bool]]:
    """Yields whether SIGTERM came; within the block it does not end the process. Outside the main thread it does."""
    came = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield came.is_set
        return
    before = signal.signal(signal.SIGTERM, lambda *_: came.set())
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGTERM, before)
