"""What every frame source gives, whatever it is made of."""

from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """One picture: uint8 RGB (H, W, 3), its number, and seconds since the source began.

    skipped: frames of a live source that nobody looked at since the last one delivered.
    """

    image: Image
    number: int
    seconds: float
    skipped: int = 0


@dataclass(frozen=True)
class CameraEvent:
    """A live source went away ("lost"), is tried again in `delay` seconds ("waiting"), or came back ("back")."""

    kind: Literal["lost", "waiting", "back"]
    message: str
    delay: float = 0.0


class Reader(Protocol):
    """A backend: opened, it reads frame after frame."""

    rate: float  # nominal frames a second; 0 where nobody knows

    def read(self) -> Image | None:
        """The next frame as uint8 RGB (H, W, 3); None at the end, or when the source went away."""

    def close(self) -> None:
        """Let go of the device or file; twice is fine."""


class Camera(Protocol):
    """An open frame source."""

    @property
    def live(self) -> bool:
        """Whether time passes by itself."""

    @property
    def ended(self) -> bool:
        """Whether no frame will come any more."""

    def next(self, timeout: float = 0.5) -> Frame | None:
        """The next frame to look at; None when none came within `timeout` seconds, or the source has ended."""

    def events(self) -> list[CameraEvent]:
        """What happened to the source since the last call."""

    def close(self) -> None:
        """Stop, and let go of the source."""

    def __enter__(self) -> Self:
        """The camera itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
