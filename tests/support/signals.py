"""Signals for child processes."""

import signal


def hear_ctrl_c() -> None:
    """For `preexec_fn`: restore SIGINT, which a test runner in the background ignores and its children inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
