"""A tiny unenrolled bundle with a cohort, and crops of drawn people."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tiny_bundle

from facedge.bundle import Bundle, write_bundle
from facedge.bundle.arrays import to_npy
from facedge.bundle.head_onnx import head_onnx_bytes
from facedge.types import Float32Array, Int32Array, UInt8Array

PEOPLE, EACH = 90, 4
SHADE = 30  # grey levels, as a tile: no two takes are near copies, and few are taken for another person
TILE_ROWS, TILE_COLUMNS = np.arange(218) * 14 // 218, np.arange(178) * 12 // 178


def picture(person: int, take: int, noise: int = 30) -> UInt8Array:
    """One picture of a drawn person: the same tiles in another light and shade, with noise. uint8 (218, 178, 3)."""
    rng = np.random.default_rng([person, take])
    changed = tiny_bundle.crop(person).astype(np.int16) + rng.integers(-noise, noise + 1, (218, 178, 3), np.int16)
    shade = rng.integers(-SHADE, SHADE + 1, (14, 12, 1), np.int16)[TILE_ROWS][:, TILE_COLUMNS]
    return np.clip(changed + shade + int(rng.integers(-8, 9)), 0, 255).astype(np.uint8)


@cache
def cohort(people: int = PEOPLE, each: int = EACH) -> tuple[Float32Array, Int32Array]:
    """Embeddings (N, D) and identities (N,) of people 1000, 1001, ..., none of whom the tests enroll."""
    rows = [tiny_bundle.embedding_of(picture(1000 + who, take)) for who in range(people) for take in range(each)]
    return np.stack(rows), np.repeat(np.arange(people, dtype=np.int32), each)


def write_template(path: Path, people: int = PEOPLE, **changes: Any) -> Bundle:
    """An unenrolled bundle with a 40-neuron template head and a cohort."""
    embeddings, identities = cohort(people)
    size = tiny_bundle.DIMS
    weights = (np.zeros((40, size)), np.zeros(40), np.zeros((1, 40)), np.zeros(1))
    files = tiny_bundle.files(
        head__onnx=head_onnx_bytes(*(np.asarray(w, np.float32) for w in weights)),
        cohort__npy=to_npy(embeddings),
        cohort_identities__npy=to_npy(identities),
    )
    manifest = tiny_bundle.manifest(enrolled=False, threshold=None, calibration=None, **changes)
    return write_bundle(path, files, manifest)
