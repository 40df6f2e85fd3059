"""The command line in this process: `run("verify", photo)` gives its exit code."""

import io

import pytest

from facedge.cli import main


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
