"""A prepared folder made by hand: people are coloured tiles with noise, four attributes, twenty people to test on."""

import json
from pathlib import Path

import numpy as np
from tiny_bundle import NAMES, crop

TRAIN_PEOPLE, TEST_PEOPLE, PHOTOS = 4, 40, 5


def write_tiny_faces(folder: Path, *, people: int = TEST_PEOPLE, photos: int = PHOTOS, known: bool = True) -> Path:
    """Write a folder that Faces.open accepts; `known=False` leaves out who is who."""
    rng = np.random.default_rng(3)
    who = np.repeat(np.arange(TRAIN_PEOPLE + people), photos)
    noise = rng.normal(0, 12, (len(who), 218, 178))
    faces = np.stack([crop(person).mean(axis=2) for person in who])
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", np.clip(faces + noise, 0, 255).astype(np.uint8))
    np.save(folder / "attributes.npy", (rng.random((len(who), len(NAMES))) < 0.4).astype(np.uint8))
    np.save(folder / "identities.npy", (who if known else np.full(len(who), -1)).astype(np.int32))
    np.save(folder / "partition.npy", np.where(who < TRAIN_PEOPLE, 0, 2).astype(np.uint8))
    np.save(folder / "names.npy", np.array([f"{k:06d}.jpg" for k in range(len(who))]))
    info = {
        "format": 1,
        "images": len(who),
        "attribute_names": list(NAMES),
        "source": "nowhere",
        "name": "tiles",
        "licence": "none needed",
        "partition": "by hand",
    }
    (folder / "faces.json").write_text(json.dumps(info), encoding="utf-8")
    return folder
