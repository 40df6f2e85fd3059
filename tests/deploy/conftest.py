"""What the tests of libfacedge share: the library as built, and the engine that it loads."""

import shutil
import subprocess
from pathlib import Path

import onnxruntime
import pytest
from libfacedge import Library

from facedge.faces.yunet import find_model

HOST = Path(__file__).resolve().parents[2] / "deploy" / "c"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("make") or not shutil.which("cc"):
        pytest.skip("building the C host needs make and a C compiler")
    target = tmp_path_factory.mktemp("c") / "build"
    subprocess.run(["make", "-s", f"OUT={target}"], cwd=HOST, check=True)
    return target


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
