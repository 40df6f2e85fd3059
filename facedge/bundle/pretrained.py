"""The bundle that comes with the package."""

from pathlib import Path

from facedge.bundle.layout import SUFFIX
from facedge.errors import BundleError


def pretrained(name: str | None = None) -> Path:
    """The path of the bundle inside the package: its only one, or the one called `name`.

    Raises BundleError when this installation carries none, or none of that name.
    """
    folder = Path(__file__).resolve().parent.parent / "pretrained"
    found = sorted(folder.glob(f"*{SUFFIX}"))
    if name is not None:
        found = [path for path in found if path.name == name + SUFFIX or path.name == name]
    if not found:
        which = f"no bundle called {name!r}" if name else "no bundle of its own"
        raise BundleError(
            f"this installation carries {which}: name one with --bundle NAME{SUFFIX} (or FACEDGE_BUNDLE), "
            "and make one with facedge export"
        )
    return found[0]
