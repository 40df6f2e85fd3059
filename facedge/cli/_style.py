"""Colour where people look at it: a terminal, and NO_COLOR unset."""

import os
import sys

_CODES = {"green": "32", "red": "31", "yellow": "33", "bold": "1", "dim": "2"}


def styled(text: str, style: str) -> str:
    """`text` in a style (green, red, yellow, bold, dim) if stdout is a terminal that wants it."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty():
        return text
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m"


def percent(rate: float | None) -> str:
    """A rate as people read it: 0.00123 -> 0.12 %; a dash where it is unknown."""
    if rate is None:
        return "-"
    digits = 0 if rate >= 0.1 or rate == 0 else 1 if rate >= 0.01 else 2 if rate >= 0.001 else 3
    return f"{100 * rate:.{digits}f} %"


def counted(number: int, one: str, several: str = "") -> str:
    """A number and its noun: 1 person, 2 people, 3,195 photos."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"
