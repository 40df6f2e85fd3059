"""How long-running functions report: `Track` wraps an iteration with a progress bar, `Say` takes one line of text.

The command line passes its own (facedge.cli._console); the defaults here report nothing.
"""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias, TypeVar

T = TypeVar("T")

Say: TypeAlias = Callable[[str], None]


class Track(Protocol):
    """Iterate over `items` and show progress under `description`; `total` is their number where `items` has no len."""

    def __call__(self, items: Iterable[T], description: str, total: int | None = None) -> Iterable[T]:
        """The same items."""


def untracked(items: Iterable[T], description: str, total: int | None = None) -> Iterable[T]:
    """A `Track` that shows nothing."""
    return items


def silent(_message: str) -> None:
    """A `Say` that prints nothing."""
