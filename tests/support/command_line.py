"""The command line in this process: `run("verify", photo)` gives its exit code."""

import io
from typing import Any

import pytest
from typer.main import get_command

from facedge.cli import application, main


class Stdin:
    """A stdin that is a file."""

    def __init__(self, data: bytes, terminal: bool = False) -> None:
        self.buffer, self._terminal = io.BytesIO(data), terminal

    def isatty(self) -> bool:
        return self._terminal


def run(*arguments: object) -> int:
    """Run `facedge` with these arguments; its exit code."""
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert isinstance(stop.value.code, int)
    return stop.value.code


def command_of(words: str) -> tuple[Any, list[str]]:
    """The Click command of these words, and the words that lead to it."""
    command: Any = get_command(application())
    path = words.split()
    for name in path:
        command = command.commands[name]
    return command, path
