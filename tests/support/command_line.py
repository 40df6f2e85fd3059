"""The command line in this process: `run("verify", photo)` gives its exit code."""

import pytest

from facedge.cli import main


def run(*arguments: object) -> int:
    """Run `facedge` with these arguments; its exit code."""
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert isinstance(stop.value.code, int)
    return stop.value.code
