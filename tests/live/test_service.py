"""systemd's notifications over a real socket, and SIGTERM."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from facedge.live.service import Service, ended_by_sigterm, watchdog_period

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")


@pytest.fixture(params=["path", "abstract"])
def inbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    """A bound socket: a file, or an abstract one, whose name begins with a NUL byte (unix(7))."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "notify") if request.param == "path" else f"\0facedge-test-{os.getpid()}")
        made.settimeout(5)
        yield made


def address(inbox: socket.socket) -> str:
    name = inbox.getsockname()
    return "@" + name[1:].decode() if isinstance(name, bytes) else str(name)


def received(inbox: socket.socket) -> list[str]:
    found = []
    inbox.setblocking(False)
    while True:
        try:
            found.append(inbox.recv(4096).decode())
        except BlockingIOError:
            return found


def service(inbox: socket.socket, times: Iterator[float]) -> Service:
    return Service({"NOTIFY_SOCKET": address(inbox), "WATCHDOG_USEC": "20000000"}, lambda: next(times))


def test_ready_after_the_first_frame_and_the_watchdog_while_frames_come(inbox: socket.socket) -> None:
    made = service(inbox, iter([0.0, 1.0, 2.0, 6.0, 6.5, 30.0, 31.0]))
    made.step(delivered=False)
    assert received(inbox) == []
    made.step(delivered=True)
    assert received(inbox) == ["READY=1", "WATCHDOG=1"]
    made.step(delivered=True)  # within a quarter of the period
    assert received(inbox) == []
    for _ in range(2):
        made.step(delivered=True)
    assert received(inbox) == ["WATCHDOG=1"]
    for _ in range(2):
        made.step(delivered=False)  # nothing comes, and the camera does not count as lost
    made.stopping()
    assert received(inbox) == ["STOPPING=1"]


def test_a_lost_camera_is_waited_for(inbox: socket.socket) -> None:
    made = service(inbox, iter([10.0, 20.0, 30.0]))
    made.event("lost", "/dev/video0: was lost:\nno frame for 15 s")
    made.step(delivered=False)
    made.event("back", "/dev/video0: is back")
    made.step(delivered=False)
    made.event("accept", "")
    assert received(inbox) == [
        "STATUS=/dev/video0: was lost: no frame for 15 s",
        "WATCHDOG=1",
        "STATUS=/dev/video0: is back",
        "STATUS=accept",
    ]


def test_commands_of_events_do_not_inherit_the_socket(inbox: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": address(inbox), "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "HOME": "/"}
    Service(environment)
    assert environment == {"HOME": "/"}


@pytest.mark.parametrize("where", ["", "/nowhere/notify", "@nobody-listens-here", "x" * 500])
def test_no_socket_changes_nothing(where: str) -> None:
    made = Service({"NOTIFY_SOCKET": where} if where else {})
    made.step(delivered=True)
    made.stopping()


def test_the_period() -> None:
    assert watchdog_period("60000000", "") == 15
    assert watchdog_period("60000000", str(os.getpid())) == 15
    assert watchdog_period("60000000", "1") == 0
    assert watchdog_period("2000000", "") == 1
    assert watchdog_period("1000000", "") == 0.5
    assert [watchdog_period(text, "") for text in ("", "x", "-5")] == [0, 0, 0]


def test_sigterm_ends_in_order_and_the_handler_is_restored() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with ended_by_sigterm() as terminated:
        assert not terminated()
        os.kill(os.getpid(), signal.SIGTERM)
        assert terminated()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_thread_cannot_handle_signals() -> None:
    found = []

    def run() -> None:
        with ended_by_sigterm() as terminated:
            found.append(terminated())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [False]
