"""The error for a tool that is not installed."""


class AbsentError(Exception):
    """A tool that a host needs is not installed; the message says what to install."""
