"""A small prepared folder of coloured tiles with noise: one tile per person, and random attributes."""

import json
from pathlib import Path

import numpy as np
from tiny_bundle import NAMES, crop

TRAIN_PEOPLE, TEST_PEOPLE, PHOTOS = 4, 40, 5


def write_tiny_faces(folder: Path, *, people: int = TEST_PEOPLE, photos: int = PHOTOS, known: bool = True) -> Path:
    """Write a folder that Faces.open accepts; with `known=False` all identities are unknown (-1)."""
    rng = np.random.default_rng(3)
    person = np.repeat(np.arange(TRAIN_PEOPLE + people), photos)
    noise = rng.normal(0, 12, (len(person), 218, 178))
    faces = np.stack([crop(number).mean(axis=2) for number in person])
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", np.clip(faces + noise, 0, 255).astype(np.uint8))
    np.save(folder / "attributes.npy", (rng.random((len(person), len(NAMES))) < 0.4).astype(np.uint8))
    np.save(folder / "identities.npy", (person if known else np.full(len(person), -1)).astype(np.int32))
    np.save(folder / "partition.npy", np.where(person < TRAIN_PEOPLE, 0, 2).astype(np.uint8))
    np.save(folder / "names.npy", np.array([f"{k:06d}.jpg" for k in range(len(person))]))
    info = {
        "format": 1,
        "images": len(person),
        "attribute_names": list(NAMES),
        "source": "nowhere",
        "name": "tiles",
        "licence": "none needed",
        "partition": "fixed",
    }
    (folder / "faces.json").write_text(json.dumps(info), encoding="utf-8")
    return folder
