"""A small synthetic CelebA, drawn once per session and copied for tests that change it."""

import shutil
from pathlib import Path

import pytest

from facedge.dataset import prepare as prepare_module
from facedge.dataset import prepared_writer as writer_module
from facedge.demo.synthetic_dataset import write_synthetic_celeba


@pytest.fixture(scope="session")
def celeba(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 identities with 6 images each; read only."""
    return write_synthetic_celeba(tmp_path_factory.mktemp("celeba"), identities=24, images_per_identity=6, seed=5)


@pytest.fixture
def own_celeba(celeba: Path, tmp_path: Path) -> Path:
    """The same, for a test to damage."""
    return Path(shutil.copytree(celeba, tmp_path / "own_celeba"))


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare_module, "CHUNK", 16)
    monkeypatch.setattr(writer_module, "CHECKPOINT_IMAGES", 32)
