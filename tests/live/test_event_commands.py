"""Commands on events: the event on stdin, no shell, one at a time, a time limit, and failures that end nothing."""

import json
import sys
import time
from pathlib import Path

import pytest

from facedge.errors import InputError
from facedge.live.event_commands import Actions, parse_command, run_command

RECORD = {"event": "accept", "seconds": 1.25, "frame": 7, "score": 0.99, "message": "é; $(touch x) `y`"}
COPY_STDIN = "import sys, pathlib; pathlib.Path(sys.argv[1]).open('ab').write(sys.stdin.buffer.read())"


def python(code: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


def test_the_event_is_one_json_line_on_stdin(tmp_path: Path) -> None:
    said: list[str] = []
    with Actions({"accept": python(COPY_STDIN, tmp_path / "got")}, said.append) as actions:
        actions.handle("accept", RECORD)
    text = (tmp_path / "got").read_bytes()
    assert text.endswith(b"\n")
    assert text.count(b"\n") == 1
    assert json.loads(text) == RECORD
    assert said == []


def test_each_kind_runs_its_own_command_and_others_run_none(tmp_path: Path) -> None:
    commands = {kind: python(COPY_STDIN, tmp_path / kind) for kind in ("reject", "lost")}
    said: list[str] = []
    with Actions(commands, said.append) as actions:
        for kind in ("accept", "reject", "state", "lost"):
            actions.handle(kind, {"event": kind})
    assert {path.name: json.loads(path.read_text()) for path in tmp_path.iterdir()} == {
        "reject": {"event": "reject"},
        "lost": {"event": "lost"},
    }


def test_one_command_for_each_accept(tmp_path: Path) -> None:
    with Actions({"accept": python(COPY_STDIN, tmp_path / "got")}, print) as actions:
        for frame in range(3):
            actions.handle("accept", {"frame": frame})
            actions.close()
    assert [json.loads(line)["frame"] for line in (tmp_path / "got").read_text().splitlines()] == [0, 1, 2]


def test_a_running_command_is_not_started_again(tmp_path: Path) -> None:
    wait = "import sys, time, pathlib\nwhile not pathlib.Path(sys.argv[2]).exists(): time.sleep(0.01)\n" + COPY_STDIN
    said: list[str] = []
    with Actions({"accept": python(wait, tmp_path / "got", tmp_path / "go")}, said.append) as actions:
        actions.handle("accept", {"frame": 1})
        actions.handle("accept", {"frame": 2})
        assert said == ["--on-accept: the command of the event before is still running, this event is skipped"]
        (tmp_path / "go").touch()
    assert [json.loads(line)["frame"] for line in (tmp_path / "got").read_text().splitlines()] == [1]
    assert len(said) == 1


def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    harmless = f"{tmp_path}/a b; touch {tmp_path}/made"
    command = parse_command(f"{sys.executable} -c 'import sys; sys.exit(len(sys.argv) - 2)' '{harmless}'")
    assert command[-1] == harmless
    assert run_command(command, b"", 20) == ""
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["/absent/program"], "--on-accept: /absent/program cannot be started: No such file or directory"),
        (python("raise SystemExit(3)"), f"--on-accept: {sys.executable} failed with exit code 3"),
        (python("import os; os.kill(os.getpid(), 15)"), f"--on-accept: {sys.executable} was ended by signal SIGTERM"),
        (python("import os; os.kill(os.getpid(), 40)"), f"--on-accept: {sys.executable} was ended by signal 40"),
    ],
)
def test_a_failure_is_reported_and_ends_nothing(command: list[str], sentence: str) -> None:
    said: list[str] = []
    with Actions({"accept": command}, said.append) as actions:
        actions.handle("accept", RECORD)
        actions.close()
        actions.handle("accept", RECORD)
    assert said == [sentence] * 2


def test_a_command_that_does_not_read_its_stdin_is_no_failure() -> None:
    assert run_command(python("pass"), b"x" * 1_000_000, 20) == ""


def test_a_command_over_its_time_is_killed_with_the_processes_it_started(tmp_path: Path) -> None:
    child = f"import time, pathlib; time.sleep(1.5); pathlib.Path({str(tmp_path / 'late')!r}).touch()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    start = time.monotonic()
    assert run_command(python(code), b"{}", 0.5) == "was stopped after 0.5 s"
    assert time.monotonic() - start < 1.4
    time.sleep(1.6)
    assert not (tmp_path / "late").exists()


def test_the_caller_does_not_wait_for_the_command() -> None:
    said: list[str] = []
    actions = Actions({"lost": python("import time; time.sleep(60)")}, said.append, time_limit=2)
    start = time.monotonic()
    actions.handle("lost", {"event": "lost"})
    assert time.monotonic() - start < 1
    actions.close()
    assert said == [f"--on-lost: {sys.executable} was stopped after 2 s"]


@pytest.mark.parametrize(
    ("text", "part"),
    [("", "empty"), ("   ", "empty"), ("open 'lock", "no closing quotation"), ("no-such-program-here", "not found")],
)
def test_a_command_that_cannot_run_is_refused_at_the_start(text: str, part: str) -> None:
    with pytest.raises(InputError, match=part):
        parse_command(text)
