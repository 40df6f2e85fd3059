"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


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
