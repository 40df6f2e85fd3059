"""The compiled kernel (ext/_kernel.pyx), as type checkers see it."""

from typing import Any, SupportsIndex

IMPLEMENTATIONS: dict[str, int]

def implementations() -> tuple[str, ...]: ...

class Plan:
    def __init__(self, *geometry: SupportsIndex) -> None: ...
    def run(self, images: Any, out: Any, implementation: int) -> None: ...
