"""What the tests of the hosts share: libfacedge as built, the engine that it loads, and a bundle for Node."""

import ctypes
from collections.abc import Iterator
from pathlib import Path

import onnxruntime
import pytest
import tiny_bundle
from libfacedge import Library, build

from facedge.bundle.resolve import pretrained
from facedge.errors import FacedgeError
from facedge.faces.yunet import find_model
from facedge.imaging import load_rgb
from facedge.types import UInt8Array


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("c") / "build")


@pytest.fixture(scope="session")
def node_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle for the Node host; the test is skipped where that is not installed."""
    pytest.importorskip("onnx")
    from node_host import require_node, write_bundle_for_node

    require_node()
    return write_bundle_for_node(tmp_path_factory.mktemp("node") / "tiny.facedge")


@pytest.fixture(scope="session")
def engine() -> str:
    found = list((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so*"))
    if not found:
        pytest.skip("this onnxruntime wheel has no libonnxruntime.so to load")
    return str(found[0])


@pytest.fixture(scope="session")
def library(built: Path, engine: str) -> Library:
    try:
        detector: Path | None = find_model()
    except Exception:  # the tests that need it ask for the fixture `detector`
        detector = None
    return Library(built / "libfacedge.so.0", engine, detector)


@pytest.fixture(scope="session")
def base(library: Library) -> Iterator[ctypes.c_void_p]:
    """The bundle inside the package, open."""
    try:
        handle = library.open(pretrained())
    except FacedgeError as problem:
        pytest.skip(f"needs the bundle inside the package: {problem}")
    yield handle
    library.c.facedge_close(handle)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle.write_tiny(tmp_path_factory.mktemp("bundle") / "tiny.facedge").path


@pytest.fixture(scope="session")
def person(shared_data: Path) -> UInt8Array:
    return load_rgb(shared_data / "photos" / "me" / "obama-720p.jpg")
