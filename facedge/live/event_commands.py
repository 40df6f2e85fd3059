"""Commands run on events of `verify --camera`: one for an accept, one for a reject, one for a lost camera.

    with Actions({"accept": parse_command("open-lock --seconds 5")}, report=print) as actions:
        for event in events:
            actions.handle(event.kind, event.to_record())

A command is started without a shell and reads the event as one line of JSON (UTF-8) on its stdin. Its stdout is
discarded, because facedge writes events to its own; its stderr is facedge's.
"""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from facedge.errors import InputError
from facedge.types import Say

TIME_LIMIT = 30.0  # seconds a command may take


def parse_command(text: str) -> list[str]:
    """Split a command line as a POSIX shell would, without running one; its program must exist.

    Raises InputError for an empty command, an open quote, or a program that cannot be found or executed.
    """
    try:
        command = shlex.split(text)
    except ValueError as problem:
        raise InputError(f"expected a command, got {text!r}: {str(problem).lower()}") from problem
    if not command:
        raise InputError("expected a command to run, got an empty value: leave the option out or name a program")
    if shutil.which(command[0]) is None:
        raise InputError(f"the program {command[0]!r} is not found or not executable: give its absolute path")
    return command


class Actions:
    """Runs the command of an event's kind, in the background and at most one of a kind at a time.

    Args:
        commands: the command for each kind of event, such as {"accept": ["open-lock"]}; other kinds do nothing
        report: takes one sentence where a command is skipped, fails or is stopped; none of these ends the caller
        time_limit: seconds after which a command and the processes it started are killed
    """

    def __init__(self, commands: Mapping[str, Sequence[str]], report: Say, *, time_limit: float = TIME_LIMIT) -> None:
        """Nothing runs yet."""
        self._commands = {kind: list(command) for kind, command in commands.items()}
        self._report, self._time_limit = report, time_limit
        self._running: dict[str, threading.Thread] = {}

    def handle(self, kind: str, record: Mapping[str, Any]) -> None:
        """Start the command of this kind, if there is one, with `record` as JSON on its stdin; returns immediately.

        While the command of an earlier event of the kind runs, the event is skipped and reported.
        """
        command = self._commands.get(kind)
        if command is None:
            return
        earlier = self._running.get(kind)
        if earlier is not None and earlier.is_alive():
            self._report(f"--on-{kind}: the command of the event before is still running, this event is skipped")
            return
        line = (json.dumps(record) + "\n").encode()
        self._running[kind] = threading.Thread(target=self._run, args=(kind, command, line), name=f"on-{kind}")
        self._running[kind].start()

    def close(self) -> None:
        """Wait for the commands that run, at most until their time limit."""
        for thread in self._running.values():
            thread.join()

    def _run(self, kind: str, command: list[str], line: bytes) -> None:
        if problem := run_command(command, line, self._time_limit):
            self._report(f"--on-{kind}: {command[0]} {problem}")

    def __enter__(self) -> "Actions":
        """The object itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait as `close` does."""
        self.close()


def run_command(command: Sequence[str], data: bytes, time_limit: float) -> str:
    """Run a command with `data` on its stdin; what went wrong, or "" where it ended with 0 within `time_limit` s."""
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
        )  # its own session: ctrl-C ends facedge and lets the command finish
    except OSError as problem:
        return f"cannot be started: {problem.strerror}"
    with process:
        try:
            process.communicate(data, timeout=time_limit)
        except subprocess.TimeoutExpired:
            _kill(process)
            return f"was stopped after {time_limit:g} s"
    code = process.returncode
    if code < 0:
        names = {known.value: known.name for known in signal.Signals}  # without the real-time ones
        return f"was ended by signal {names.get(-code, -code)}"
    return f"failed with exit code {code}" if code else ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and the others of its session's group."""
    with contextlib.suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
