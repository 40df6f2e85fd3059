"""A few prepared faces in memory, small enough to train on in a second."""

from pathlib import Path

import numpy as np
import pytest

from facedge.dataset.prepared import Faces

ATTRIBUTES = tuple(f"Attribute_{n}" for n in range(4))


@pytest.fixture(scope="session")
def tiny_faces(tmp_path_factory: pytest.TempPathFactory) -> Faces:
    """96 faces of 16 identities: each identity a fixed pattern, each attribute a bright band."""
    draw = np.random.default_rng(7)
    identities = np.repeat(np.arange(16), 6).astype(np.int32)
    patterns = draw.integers(0, 120, (16, 27, 22))
    attributes = draw.integers(0, 2, (96, 4)).astype(np.uint8)
    images = np.empty((96, 218, 178), np.uint8)
    for row, identity in enumerate(identities):
        image = np.kron(patterns[identity], np.ones((8, 8)))[2:, :178][:218].copy()
        image = np.resize(image, (218, 178))
        for attribute in np.flatnonzero(attributes[row]):
            image[75 + 28 * attribute : 95 + 28 * attribute] += 90
        images[row] = np.clip(image + draw.normal(0, 8, image.shape), 0, 255)
    partition = np.where(identities < 10, 0, np.where(identities < 13, 1, 2)).astype(np.uint8)
    return Faces(
        path=Path(tmp_path_factory.mktemp("faces")),
        images=images,
        attributes=attributes,
        identities=identities,
        partition=partition,
        names=np.array([f"{n:06d}.jpg" for n in range(96)]),
        attribute_names=ATTRIBUTES,
        info={"name": "tiny", "licence": "none needed", "partition": "by identity"},
    )
