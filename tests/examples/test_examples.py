"""Each example runs, and does what its first line says; none is longer than a screen."""

import importlib.util
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

import facedge

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
MOST_LINES = 60


def load_example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of drawn people, as docs/scripts/drawn_photos.py writes them."""
    from drawn_photos import write_photos

    return write_photos(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def people(drawn: Path, tmp_path_factory: pytest.TempPathFactory, detector: None) -> Iterator[Path]:
    """A data directory in which ana and ben are enrolled."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(home))
        for name in ("ana", "ben"):
            made = facedge.enroll(drawn / "photos" / name).save(name)
            assert len(made.used) == 6 and not made.warnings  # what the pages print rests on it
        yield home


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_fits_a_screen_and_says_how_it_is_run(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < MOST_LINES
    assert path.name.removesuffix(".py") in text.split('"""')[1]


def test_every_example_is_listed() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    assert all(f"({path.name})" in listed for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb"))


class StubRelay:
    """Stands in for gpiozero.OutputDevice, and records."""

    calls: ClassVar[list[Any]] = []

    def __init__(self, pin: int, **settings: Any) -> None:
        self.calls.append((pin, settings))

    def __enter__(self) -> "StubRelay":
        return self

    def __exit__(self, *_: object) -> None:
        self.calls.append("closed")

    def on(self) -> None:
        self.calls.append("on")

    def off(self) -> None:
        self.calls.append("off")


@pytest.mark.parametrize(
    ("stdin", "code"),
    [('{"event": "accept"}', 0), ('{"event": "reject"}', 1), ("", 1), ("[]", 1), ('"accept"', 1), ('{"event": 1}', 1)],
)
def test_the_lock_opens_for_an_accept_only(stdin: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    example = load_example("open_lock")
    monkeypatch.setattr(StubRelay, "calls", [])
    monkeypatch.setattr(example, "SECONDS", 0.0)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setitem(sys.modules, "gpiozero", SimpleNamespace(OutputDevice=StubRelay))
    monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    monkeypatch.setenv("LOCK_PIN", "4")
    assert example.main() == code
    opened = [(4, {"active_high": True, "initial_value": False}), "on", "off", "closed"]
    assert StubRelay.calls == (opened if code == 0 else [])


def test_the_lock_is_opened_by_the_command_line(drawn: Path, people: Path, tmp_path: Path) -> None:
    """The whole way: a camera, an accept, the example as its command."""
    pytest.importorskip("cv2")
    from drawn_photos import write_video

    (tmp_path / "gpiozero.py").write_text(
        "class OutputDevice:\n    def __init__(self, *a, **k): pass\n    __enter__ = lambda self: self\n"
        "    __exit__ = off = lambda *a: None\n    def on(self): open('opened', 'w').close()\n"
    )
    video = write_video(tmp_path / "clip.avi", seconds=1.0)
    command = f"{sys.executable} {EXAMPLES / 'open_lock.py'}"
    arguments = ["verify", "--camera", str(video), "-b", "ana", "--watch", "--on-accept", command]
    environment = {"PYTHONPATH": f"{ROOT}:{tmp_path}", "XDG_DATA_HOME": str(people), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-m", "facedge", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "opened").exists()


class StubWindow:
    """Stands in for the window: three frames, then the user closes it."""

    def __init__(self, _title: str) -> None:
        self.texts: list[str] = []
        shown.append(self)

    def show(self, image: np.ndarray, text: str, good: bool, box: object, points: object) -> bool:
        assert image.shape == (480, 640, 3)
        self.texts.append(text)
        assert good is (text == "accepted")
        return len(self.texts) < 40

    def close(self) -> None:
        self.texts.append("closed")


shown: list[StubWindow] = []


def test_the_webcam_loop(people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2")
    from drawn_photos import BEN, write_video

    example = load_example("webcam_window")
    monkeypatch.setattr(example, "Window", StubWindow)
    assert example.run("ana", str(write_video(tmp_path / "ana.avi", seconds=1.0))) == ["accept"]
    assert shown[-1].texts.count("accepted") > 10 and shown[-1].texts[-1] == "closed"
    assert "accept" not in example.run("ana", str(write_video(tmp_path / "ben.avi", BEN, seconds=2.0)))
    assert len(shown[-1].texts) == 41  # closed by the user before the end


def test_the_http_endpoint(drawn: Path, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("httpx2")
    from fastapi.testclient import TestClient

    monkeypatch.setenv("FACEDGE_PERSON", "ana")
    example = load_example("http_endpoint")
    client = TestClient(example.app)
    answer = client.post("/verify", content=(drawn / "photo.jpg").read_bytes())
    assert answer.status_code == 200
    assert answer.json()["decision"] == "accept"
    assert client.post("/verify", content=b"no image").status_code == 422
    assert client.post("/verify", content=b"x" * (example.MOST_BYTES + 1)).status_code == 413
    stranger = (drawn / "stranger.jpg").read_bytes()
    assert [client.post("/verify", content=stranger).json()["decision"] for _ in range(5)] == ["reject"] * 5
    assert client.post("/verify", content=(drawn / "photo.jpg").read_bytes()).status_code == 429
    assert threading.active_count() < 20


def test_photos_are_sorted_by_person(drawn: Path, people: Path, tmp_path: Path) -> None:
    (drawn / "broken.jpg").write_bytes(b"no image")
    try:
        counts = load_example("sort_photos").sort_photos(drawn, tmp_path / "out", ["ana", "ben"])
    finally:
        (drawn / "broken.jpg").unlink()
    assert (tmp_path / "out" / "ana" / "photo.jpg").is_file()
    assert (tmp_path / "out" / "ana" / "photos" / "ana" / "1.jpg").is_file()
    assert (tmp_path / "out" / "ben" / "ben.jpg").is_file()
    assert (tmp_path / "out" / "others" / "stranger.jpg").is_file()
    assert (tmp_path / "out" / "others" / "broken.jpg").is_file()
    assert counts["ana"] >= 7 and counts["ben"] >= 6 and sum(counts.values()) == 17


def test_the_notebook_runs(drawn: Path, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = json.loads((EXAMPLES / "verify.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    monkeypatch.chdir(drawn)
    names: dict[str, Any] = {}
    for cell in cells:
        exec(cell, names)
    assert names["decision"].accepted
    assert all(not cell.get("outputs") for cell in notebook["cells"]), "a notebook is committed without output"
