"""Fixtures that every test may use."""

import os
import sys
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("facedge", deadline=None)  # a loaded machine is no fault of the code
hypothesis.settings.load_profile("facedge")

REPOSITORY = Path(__file__).resolve().parent.parent
for folder in ("tests/support", "tests/soak", "deploy/tools", "docs/scripts"):  # helpers that test files import by name
    sys.path.insert(0, str(REPOSITORY / folder))


def shared_data_folder() -> Path:
    """The folder of real data: FACEDGE_DATA, or ../shared/data beside the checkout."""
    return Path(os.environ.get("FACEDGE_DATA", REPOSITORY.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real faces, photos and videos; the test skips where they are absent."""
    folder = shared_data_folder()
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}: set FACEDGE_DATA to run this test")
    return folder


@pytest.fixture(scope="session")
def detector() -> None:
    """The test detects faces; it skips where the detector's file is absent, with what to install as the reason."""
    from facedge.errors import MissingDependencyError
    from facedge.faces.yunet import find_model

    try:
        find_model()
    except MissingDependencyError as problem:
        pytest.skip(str(problem))


@pytest.fixture
def tiny_bundle(tmp_path: Path) -> Path:
    """A small enrolled bundle with real graphs: it accepts tiny_bundle.crop(0) and nothing else."""
    pytest.importorskip("onnx", reason="the tiny bundle is built with the onnx package")
    from tiny_bundle import write_tiny

    return write_tiny(tmp_path / "tiny.facedge").path
