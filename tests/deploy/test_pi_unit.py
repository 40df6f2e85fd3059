"""The Pi's service: its command is one that facedge has, its rights are the least, and it runs under its own filter.

The filter is built from the unit's SystemCallFilter and SystemCallErrorNumber lines with the groups of the installed
systemd (`systemd-analyze syscall-filter`), compiled for this machine, and put on the commands that the service runs.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from unit_filter import UNIT, as_the_unit, build, settings

from facedge.live.events import STATES, Event, Kind
from facedge.live.watcher import ENDED_BY

MULTIPLY = "import numpy; numpy.ones((200, 200)) @ numpy.ones((200, 200)); print('done')"
STUB = Path(__file__).resolve().parents[1] / "support" / "stub_camera.py"


def test_its_command_is_one_that_facedge_understands() -> None:
    from typer.testing import CliRunner

    from facedge.cli import application

    command = shlex.split(settings()["ExecStart"][0])
    assert command[:2] == ["/opt/facedge/bin/facedge", "verify"]
    help_text = re.sub(
        r"\x1b\[[0-9;]*m", "", CliRunner().invoke(application(), ["verify", "--help"], env={"COLUMNS": "200"}).output
    )
    for option in (word for word in command if word.startswith("--")):
        assert option in help_text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("User", "facedge"),
        ("PrivateNetwork", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("DevicePolicy", "closed"),
        ("StateDirectoryMode", "0700"),
        ("UMask", "0077"),
    ],
)
def test_its_rights_are_the_least(key: str, value: str) -> None:
    assert settings()[key] == [value]


def test_systemd_understands_it(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "facedge@ana.service"
    unit.write_text(UNIT.read_text().replace("/opt/facedge/bin/facedge", "/bin/true"))
    done = subprocess.run([tool, "verify", str(unit)], capture_output=True, text=True, check=False)
    assert "Unknown" not in done.stderr, done.stderr


@pytest.fixture(scope="module")
def under_filter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs a command under the unit's filter."""
    return build(tmp_path_factory.mktemp("filter"), denied=as_the_unit())


def run(program: Path, *command: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    words = [str(program), sys.executable, *map(str, command)]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_numpy_multiplies(under_filter: Path) -> None:
    done = run(under_filter, "-c", MULTIPLY)
    assert done.stdout == "done\n", (done.returncode, done.stderr)


def test_a_denied_call_fails_without_ending_the_process(under_filter: Path) -> None:
    code = "import os\ntry: os.setpriority(os.PRIO_PROCESS, 0, 1)\nexcept PermissionError: print('refused')"
    assert run(under_filter, "-c", code).stdout == "refused\n"


def test_without_the_error_number_a_denied_call_kills(tmp_path: Path) -> None:
    done = run(build(tmp_path, denied=""), "-c", "import os; os.setpriority(os.PRIO_PROCESS, 0, 1)")
    assert done.returncode == -signal.SIGSYS


def test_verify_decides(under_filter: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    from PIL import Image
    from tiny_bundle import crop

    for name, seed in (("me", 0), ("other", 1)):
        Image.fromarray(crop(seed)).save(tmp_path / f"{name}.png")
    photos = [tmp_path / "me.png", tmp_path / "other.png"]
    done = run(under_filter, "-m", "facedge", "verify", *photos, "--aligned", "--json", "--bundle", tiny_bundle)
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    assert [json.loads(line)["decision"] for line in done.stdout.splitlines()] == ["accept", "reject"]


@pytest.mark.real
def test_watch_runs_to_the_end_of_a_video(
    under_filter: Path, detector: None, tiny_bundle: Path, shared_data: Path
) -> None:
    """The service's own command, with a video in the place of the camera and two threads."""
    pytest.importorskip("cv2")
    video = shared_data / "video" / "one_face_960x540.mp4"
    if not video.is_file():
        pytest.skip("the shared data holds no such video")
    arguments = ["--camera", video, "--watch", "--threads", "2", "--timeout", "2", "--bundle", tiny_bundle]
    done = run(under_filter, "-m", "facedge", "verify", *arguments)
    assert done.returncode in (0, 1), done.stderr
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert (events[0], events[-1]) == ("started", "ended")


def seconds(key: str) -> float:
    (value,) = settings()[key]
    return float(value)


def test_its_times_leave_room_for_each_other() -> None:
    from facedge.camera.streams import STALL
    from facedge.live.event_commands import TIME_LIMIT
    from facedge.live.service import TERMINATED

    command = shlex.split(settings()["ExecStart"][0])
    give_up = float(command[command.index("--give-up") + 1])
    assert settings()["Type"] == ["notify"]
    assert seconds("TimeoutStartSec") > give_up + STALL  # it is ready after the first frame
    assert seconds("WatchdogSec") > 2 * STALL  # no notification until a camera counts as lost
    assert seconds("TimeoutStopSec") > TIME_LIMIT
    assert settings()["SuccessExitStatus"] == [str(TERMINATED)]
    assert settings()["KillMode"] == ["mixed"]
    assert settings()["StartLimitIntervalSec"] == ["0"]


class Systemd:
    """The other end of NOTIFY_SOCKET, and the service's command before a stub camera under the unit's filter."""

    def __init__(self, program: Path, bundle: Path, folder: Path, kind: str, *options: str) -> None:
        self._inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._inbox.bind(str(folder / "notify"))
        self._inbox.settimeout(60)
        period = 1.0  # in the place of WatchdogSec
        environment = os.environ | {
            "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": str(round(period * 1e6)),
            "XDG_DATA_HOME": str(folder / "data"),
            "STALL": "0.5",
        }
        words = [
            program,
            sys.executable,
            STUB,
            kind,
            "verify",
            "--camera",
            "0",
            "--watch",
            "--bundle",
            bundle,
            *options,
        ]
        self.process = subprocess.Popen(
            list(map(str, words)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.received: list[str] = []

    def until(self, text: str) -> None:
        """Receive until a message contains the text."""
        while not self.received or text not in self.received[-1]:
            self.received.append(self._inbox.recv(4096).decode())

    def end(self) -> tuple[int, str]:
        """Wait for the end; the exit code and stderr."""
        _, errors = self.process.communicate(timeout=60)
        self._inbox.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.received.append(self._inbox.recv(4096).decode())
        self._inbox.close()
        return self.process.returncode, errors


def test_it_notifies_systemd_and_ends_at_sigterm(
    under_filter: Path, detector: None, tiny_bundle: Path, tmp_path: Path
) -> None:
    systemd = Systemd(under_filter, tiny_bundle, tmp_path, "noise")
    systemd.until("WATCHDOG=1")
    assert systemd.received.index("READY=1") < systemd.received.index("WATCHDOG=1")
    for _ in range(3):
        systemd.received.append("")
        systemd.until("WATCHDOG=1")
    systemd.process.terminate()
    assert systemd.end() == (int(settings()["SuccessExitStatus"][0]), "")
    assert systemd.received[-1] == "STOPPING=1"


def test_a_camera_that_hangs_is_a_status_and_an_end(
    under_filter: Path, detector: None, tiny_bundle: Path, tmp_path: Path
) -> None:
    systemd = Systemd(under_filter, tiny_bundle, tmp_path, "hang", "--give-up", "3")
    systemd.until("was lost")
    systemd.received.append("")
    systemd.until("WATCHDOG=1")  # it is being reopened
    code, errors = systemd.end()
    assert code == 2
    assert "no usable frame for 3 s" in errors
    assert systemd.received[-1] == "STOPPING=1"


def test_the_page_lists_every_event_state_and_field() -> None:
    words = set(re.findall(r"`(\w+)`", UNIT.with_name("README.md").read_text()))
    assert {*get_args(Kind), *STATES, *ENDED_BY.values(), *Event("accept", 0.0).to_record()} <= words


def test_no_command_of_the_page_acts_on_lines_of_the_journal() -> None:
    """It begins with accepts of the past, and holds lines of its own."""
    lines = UNIT.with_name("README.md").read_text().splitlines()
    assert [line for line in lines if "journalctl" in line and "|" in line.partition("#")[0]] == []
