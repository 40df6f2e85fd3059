"""The recipe for Home Assistant against a real mosquitto broker: what is published, retained, and never late."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "home-assistant"
PUBLISH = FOLDER / "publish.sh"
STUB = Path(__file__).resolve().parents[1] / "support" / "stub_camera.py"
EVENTS = [
    {"event": "started", "seconds": 0.0, "score": None, "reason": None, "message": ""},
    {"event": "state", "seconds": 0.1, "score": None, "reason": "no_face", "message": "no face"},
    {"event": "accept", "seconds": 3.2, "score": 0.998, "reason": None, "message": 'Zoë "Z" O\'Brien'},
    {"event": "ended", "seconds": 4.0, "score": None, "reason": "terminated", "message": ""},
]
SPEAK = """
import json, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: None)  # returns from sleep, and goes on
for event in json.loads(sys.argv[1]):
    print(json.dumps(event, ensure_ascii=False), flush=True)
    time.sleep(float(sys.argv[2]))
sys.exit(int(sys.argv[3]))
"""


def wait_until(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return False


class Broker:
    """A mosquitto on a port of its own, and subscribers to it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._settings = folder / "mosquitto.conf"
        self._settings.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self._processes: list[subprocess.Popen[Any]] = []
        self._folder = folder

    def start(self) -> None:
        path = os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin"
        program = shutil.which("mosquitto", path=path)
        assert program is not None
        process = self.run([program, "-c", str(self._settings)], stderr=subprocess.DEVNULL)
        assert wait_until(self._answers)
        self.process = process

    def run(self, command: list[str], **more: Any) -> subprocess.Popen[Any]:
        self._processes.append(subprocess.Popen(command, **more))
        return self._processes[-1]

    def subscribe(self, name: str) -> Callable[[], list[tuple[str, str]]]:
        """Returns a function that gives the (topic, message) pairs up to now."""
        record = self._folder / name
        marker = f"marker/{name}"
        with record.open("wb") as out:
            self.run(["mosquitto_sub", *self.options, "-v", "-t", "#"], stdout=out)

        def messages() -> list[tuple[str, str]]:
            lines = record.read_text().splitlines()
            return [(t, m) for t, _, m in (line.partition(" ") for line in lines) if not t.startswith("marker/")]

        def subscribed() -> bool:
            subprocess.run(["mosquitto_pub", *self.options, "-t", marker, "-m", "x"], check=True)
            return marker in record.read_text()

        assert wait_until(subscribed)
        return messages

    @property
    def options(self) -> list[str]:
        return ["-h", "127.0.0.1", "-p", str(self.port)]

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    path = os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin"
    missing = [name for name in ("mosquitto", "mosquitto_pub", "bash") if shutil.which(name, path=path) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: apt install mosquitto mosquitto-clients")
    made = Broker(tmp_path)
    made.start()
    yield made
    made.stop()


def events(messages: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [json.loads(message) for topic, message in messages if topic == "facedge/hall/event"]


def speak(pause: float = 0.0, code: int = 0) -> list[str]:
    return [sys.executable, "-c", SPEAK, json.dumps(EVENTS), str(pause), str(code)]


def publish(broker: Broker, *command: str) -> list[str]:
    return [str(PUBLISH), "hall", *broker.options, "--", *command]


def test_every_event_once_and_the_entities(broker: Broker) -> None:
    live = broker.subscribe("live")
    done = subprocess.run(publish(broker, *speak(0.2, code=1)), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert wait_until(lambda: ("facedge/hall/status", "offline") in live())
    assert events(live()) == EVENTS
    assert [message for topic, message in live() if topic == "facedge/hall/status"] == ["online", "offline"]
    retained = dict(broker.subscribe("later")())  # who comes later learns the state, and no accept of the past
    assert sorted(retained) == ["facedge/hall/status", "homeassistant/device/facedge_hall/config"]
    assert retained["facedge/hall/status"] == "offline"
    config = json.loads(retained["homeassistant/device/facedge_hall/config"])
    assert config["state_topic"] == "facedge/hall/event"
    assert config["availability_topic"] == "facedge/hall/status"


def test_a_signal_reaches_facedge_and_its_last_event_is_published(broker: Broker) -> None:
    live = broker.subscribe("live")
    process = broker.run(publish(broker, *speak(0.5)))
    assert wait_until(lambda: bool(events(live())))
    process.terminate()
    assert process.wait(20) == 0
    assert wait_until(lambda: ("facedge/hall/status", "offline") in live())
    assert events(live())[-1]["event"] == "ended"


def test_with_facedge_itself(broker: Broker, detector: None, tiny_bundle: Path, tmp_path: Path) -> None:
    live = broker.subscribe("live")
    command = [sys.executable, str(STUB), "noise", "verify", "--camera", "0", "--watch", "--bundle", str(tiny_bundle)]
    environment = os.environ | {"XDG_DATA_HOME": str(tmp_path / "data")}
    process = broker.run(publish(broker, *command), env=environment)
    assert wait_until(lambda: len(events(live())) == 2)
    process.terminate()
    assert process.wait(20) == 143
    assert wait_until(lambda: ("facedge/hall/status", "offline") in live())
    assert [event["event"] for event in events(live())] == ["started", "state", "ended"]


def test_a_killed_program_is_offline(broker: Broker) -> None:
    live = broker.subscribe("live")
    process = broker.run(publish(broker, *speak(30.0)))
    assert wait_until(lambda: bool(events(live())))
    process.kill()
    assert wait_until(lambda: ("facedge/hall/status", "offline") in live())


def test_no_event_is_late(broker: Broker, tmp_path: Path) -> None:
    """What happens while the broker is away is not delivered when it is back."""
    first = broker.process
    live = broker.subscribe("live")
    process = broker.run(publish(broker, *speak(2.0)))
    assert wait_until(lambda: bool(events(live())))
    first.kill()
    first.wait()
    time.sleep(4.5)  # "state" and "accept" happen
    broker.start()
    again = broker.subscribe("again")
    assert process.wait(20) == 0
    time.sleep(1)
    assert "accept" not in [event["event"] for event in events(again())]


def test_without_a_broker_it_does_not_start(tmp_path: Path) -> None:
    if shutil.which("mosquitto_pub") is None or shutil.which("bash") is None:
        pytest.skip("mosquitto_pub or bash is not installed: apt install mosquitto-clients")
    command = [str(PUBLISH), "hall", "-h", "127.0.0.1", "-p", "1", "--", "touch", str(tmp_path / "started")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the broker cannot be reached" in done.stderr
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("arguments", [[], ["hall"], ["a b", "--", "true"], ["hall", "--"], ["../x", "--", "true"]])
def test_wrong_arguments_are_one_sentence(arguments: list[str]) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    done = subprocess.run([str(PUBLISH), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("publish.sh: expected: publish.sh ID")


def rendered(component: str, event: dict[str, Any]) -> str:
    """A component's state as Home Assistant renders it (its filter to_json is json.dumps)."""
    jinja2 = pytest.importorskip("jinja2")
    environment = jinja2.Environment(autoescape=False)
    environment.filters["to_json"] = json.dumps
    config = json.loads((FOLDER / "discovery.json").read_text())
    template = config["components"][component]["value_template"]
    return str(environment.from_string(template).render(value_json=event))


def test_the_templates_give_what_the_entities_take() -> None:
    from facedge.live.watcher import Kind

    config = json.loads((FOLDER / "discovery.json").read_text())
    types = set(config["components"]["event"]["event_types"])
    for kind in get_args(Kind):
        event = {**EVENTS[2], "event": kind}
        found = rendered("event", event)
        assert (found == "") == (kind in ("state", "waiting"))
        assert not found or json.loads(found)["event_type"] in types
        for name in ("accepted", "camera", "locked_out"):
            assert rendered(name, event) in ("", "ON", "OFF")
            assert (rendered(name, event) == "ON") == (
                kind == {"accepted": "accept", "camera": "lost"}.get(name, "locked")
            )
    assert json.loads(rendered("event", EVENTS[2]))["message"] == EVENTS[2]["message"]


def test_the_page_names_what_is_there() -> None:
    page = (FOLDER / "README.md").read_text()
    assert set(re.findall(r"`(facedge/hall/\w+|homeassistant/[\w/]+)`", page)) >= {
        "facedge/hall/event",
        "facedge/hall/status",
        "homeassistant/device/facedge_hall/config",
    }
    unit = (FOLDER.parent / "pi" / "facedge@.service").read_text()
    (command,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    assert f"-- {command}\n" in page  # the same command behind publish.sh
