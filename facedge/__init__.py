"""facedge: is it me? A small face verifier of one's own, for a Raspberry Pi or a laptop.

    import facedge
    facedge.enroll("photos of ana/").save("ana")
    facedge.load("ana").verify("photo.jpg").accepted
    facedge.compare("a.jpg", "b.jpg").accepted

Names are imported on first use: `import facedge` takes milliseconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facedge.bundle import Bundle, Manifest, read_bundle
    from facedge.bundle.resolve import pretrained
    from facedge.enrollment.compare import compare
    from facedge.enrollment.enroll import Enrollment, enroll
    from facedge.errors import FacedgeError
    from facedge.faces.align import align
    from facedge.faces.detect import Face, detect
    from facedge.faces.options import FaceOptions
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
    "Enrollment",
    "Face",
    "FaceOptions",
    "FacedgeError",
    "Manifest",
    "PreprocessSpec",
    "Verifier",
    "__version__",
    "align",
    "compare",
    "detect",
    "enroll",
    "load",
    "preprocess",
    "pretrained",
    "read_bundle",
]

_SOURCES = {
    "Bundle": "facedge.bundle",
    "Decision": "facedge.runtime.decision",
    "Embedder": "facedge.runtime.embedder",
    "Enrollment": "facedge.enrollment.enroll",
    "Face": "facedge.faces.detect",
    "FaceOptions": "facedge.faces.options",
    "FacedgeError": "facedge.errors",
    "Manifest": "facedge.bundle",
    "PreprocessSpec": "facedge.preprocessing.spec",
    "Verifier": "facedge.runtime.verifier",
    "align": "facedge.faces.align",
    "compare": "facedge.enrollment.compare",
    "detect": "facedge.faces.detect",
    "enroll": "facedge.enrollment.enroll",
    "load": "facedge.runtime.verifier",
    "preprocess": "facedge.preprocessing",
    "pretrained": "facedge.bundle.resolve",
    "read_bundle": "facedge.bundle",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use, and keep it."""
    if name == "__version__":
        value: Any = _version()
    elif name in _SOURCES:
        value = getattr(import_module(_SOURCES[name]), name)
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
