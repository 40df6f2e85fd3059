"""Signals for child processes."""

import signal


def hear_ctrl_c() -> None:
    """For `preexec_fn`: a test runner in the background ignores SIGINT, and its children would inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
