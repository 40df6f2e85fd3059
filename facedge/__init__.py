"""facedge: is it me? A small face verifier of one's own, for a Raspberry Pi or a laptop.

    import facedge
    v = facedge.load("ana.facedge")
    v.verify("photo.jpg").accepted

Names are imported when they are first used: `import facedge` costs milliseconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facedge.alignment import align
    from facedge.bundle import Bundle, Manifest, read_bundle
    from facedge.bundle.pretrained import pretrained
    from facedge.detection import Face, detect
    from facedge.errors import FacedgeError
    from facedge.preprocessing import preprocess
    from facedge.preprocessing.spec import PreprocessSpec
    from facedge.runtime.decision import Decision
    from facedge.runtime.embedder import Embedder
    from facedge.runtime.verifier import Verifier, load

    __version__: str

__all__ = [
    "Bundle",
    "Decision",
    "Embedder",
    "Face",
    "FacedgeError",
    "Manifest",
    "PreprocessSpec",
    "Verifier",
    "__version__",
    "align",
    "detect",
    "load",
    "preprocess",
    "pretrained",
    "read_bundle",
]

_HOMES = {
    "Bundle": "facedge.bundle",
    "Decision": "facedge.runtime.decision",
    "Embedder": "facedge.runtime.embedder",
    "Face": "facedge.detection",
    "FacedgeError": "facedge.errors",
    "Manifest": "facedge.bundle",
    "PreprocessSpec": "facedge.preprocessing.spec",
    "Verifier": "facedge.runtime.verifier",
    "align": "facedge.alignment",
    "detect": "facedge.detection",
    "load": "facedge.runtime.verifier",
    "preprocess": "facedge.preprocessing",
    "pretrained": "facedge.bundle.pretrained",
    "read_bundle": "facedge.bundle",
}


def __getattr__(name: str) -> Any:
    """Import a public name from where it lives, and keep it."""
    if name == "__version__":
        value: Any = _version()
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'facedge' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("facedge")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"
