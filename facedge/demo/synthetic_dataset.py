"""Data sets of drawn faces for the demo and the tests: a folder in CelebA's layout, and folders of photos.

The faces are drawn with Pillow: an identity is a seeded set of shapes and colours, a shot adds pose, light, expression
and accessories. The folder has the official layout and file formats, so that the reader of CelebA reads it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from pathlib import Path

import numpy as np

from facedge.dataset.attribute_names import ATTRIBUTE_NAMES
from facedge.dataset.celeba import ATTRIBUTE_FILE, CARD_FILE, IDENTITY_FILE, PARTITION_FILE
from facedge.dataset.images import IMAGE_FOLDER
from facedge.dataset.parallel import ordered_map
from facedge.demo.drawing import render_face
from facedge.demo.people import attributes_of, draw_person, draw_shot
from facedge.errors import InputError
from facedge.types import BoolArray, Int64Array, UInt8Array

_DATASET, _PHOTOS, _ORDER = 1, 2, 3  # separate random streams under one seed
_CHUNK = 64

Task = tuple[int, int, int, int]  # seed, stream, identity, shot


@dataclass(frozen=True)
class PhotoFolders:
    """Where `write_photo_folders` put its photos; the identities in `others` and `probe_others` are not the same."""

    me: Path
    others: Path
    probe_me: Path
    probe_others: Path


def synthetic_face(seed: int, identity: int, shot: int, *, stream: int = _DATASET) -> tuple[bytes, list[bool]]:
    """One JPEG of 178x218 pixels and its 40 attributes; the same arguments give the same bytes."""
    person = draw_person(np.random.default_rng([seed, stream, identity]))
    scene = draw_shot(np.random.default_rng([seed, stream, identity, shot + 1]), person)
    buffer = BytesIO()
    render_face(person, scene).save(buffer, "JPEG", quality=scene.quality)
    facts = attributes_of(person, scene)
    return buffer.getvalue(), [facts[name] for name in ATTRIBUTE_NAMES]


def write_synthetic_celeba(
    folder: str | Path,
    *,
    identities: int = 120,
    images_per_identity: int = 20,
    seed: int = 0,
    workers: int = 1,
) -> Path:
    """Write a dataset in CelebA's official layout under `folder` and return it; same arguments, same bytes.

    About 80 % of the identities are for training, 10 % each for validation and test; the partition is disjoint by
    identity. Raises InputError for fewer than 3 identities.
    """
    if identities < 3 or images_per_identity < 1:
        raise InputError(
            f"a synthetic dataset needs at least 3 identities (train, validation, test) with 1 image each, "
            f"but got {identities} identities with {images_per_identity}: ask for more"
        )
    folder = Path(folder)
    (folder / IMAGE_FOLDER).mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng([seed, _ORDER]).permutation(identities * images_per_identity)
    person, shot = np.divmod(order, images_per_identity)
    tasks = [(seed, _DATASET, int(i), int(s)) for i, s in zip(person, shot, strict=True)]
    labels = np.empty((len(tasks), len(ATTRIBUTE_NAMES)), dtype=bool)
    for index, (jpeg, facts) in enumerate(_render(tasks, workers)):
        (folder / IMAGE_FOLDER / _name(index)).write_bytes(jpeg)
        labels[index] = facts
    _write_labels(folder, person, labels, _sides(identities)[person])
    return folder


def write_photo_folders(
    folder: str | Path,
    *,
    me_images: int = 8,
    others: int = 40,
    probes: int = 40,
    seed: int = 0,
    workers: int = 1,
) -> PhotoFolders:
    """Write `me/` (one person, `me_images` photos), `others/` (one photo each of `others` people), and `probes/`.

    `probes/me` has `probes` new photos of the same person, `probes/others` one photo each of `probes` further people.
    None of these people is in the data set that `write_synthetic_celeba` writes for any seed.
    """
    root = Path(folder)
    places = PhotoFolders(root / "me", root / "others", root / "probes" / "me", root / "probes" / "others")
    plan: list[tuple[Path, Task]] = []
    plan += [(places.me / f"me_{k:03d}.jpg", (seed, _PHOTOS, 0, k)) for k in range(me_images)]
    plan += [(places.probe_me / f"me_{k:03d}.jpg", (seed, _PHOTOS, 0, me_images + k)) for k in range(probes)]
    plan += [(places.others / f"person_{k:03d}.jpg", (seed, _PHOTOS, 1 + k, 0)) for k in range(others)]
    plan += [(places.probe_others / f"person_{k:03d}.jpg", (seed, _PHOTOS, 1 + others + k, 0)) for k in range(probes)]
    for place in (places.me, places.others, places.probe_me, places.probe_others):
        place.mkdir(parents=True, exist_ok=True)
    for (path, _), (jpeg, _) in zip(plan, _render([task for _, task in plan], workers), strict=True):
        path.write_bytes(jpeg)
    return places


def _name(index: int) -> str:
    return f"{index + 1:06d}.jpg"


def _faces_of(tasks: list[Task]) -> list[tuple[bytes, list[bool]]]:
    return [synthetic_face(seed, identity, shot, stream=stream) for seed, stream, identity, shot in tasks]


def _render(tasks: list[Task], workers: int) -> Iterator[tuple[bytes, list[bool]]]:
    chunks = [tasks[start : start + _CHUNK] for start in range(0, len(tasks), _CHUNK)]
    return chain.from_iterable(ordered_map(_faces_of, chunks, workers))


def _sides(identities: int) -> UInt8Array:
    """(identities,) partition of each identity: the last tenth is test, the tenth before it validation."""
    held_out = max(1, round(identities / 10))
    sides = np.zeros(identities, dtype=np.uint8)
    sides[-2 * held_out :] = 1
    sides[-held_out:] = 2
    return sides


def _write_labels(folder: Path, person: Int64Array, labels: BoolArray, partition: UInt8Array) -> None:
    """The three official text files (a count and a header before the attributes, -1/1 padded by blanks) and a card."""
    names = [_name(index) for index in range(len(person))]
    rows = [
        f"{name} " + " ".join(f"{1 if fact else -1:2d}" for fact in row)
        for name, row in zip(names, labels, strict=True)
    ]
    _write_lines(folder / ATTRIBUTE_FILE, [str(len(names)), " ".join(ATTRIBUTE_NAMES) + " ", *rows])
    _write_lines(folder / IDENTITY_FILE, [f"{name} {i + 1}" for name, i in zip(names, person, strict=True)])
    _write_lines(folder / PARTITION_FILE, [f"{name} {side}" for name, side in zip(names, partition, strict=True)])
    _write_lines(folder / CARD_FILE, [json.dumps({"name": "synthetic faces drawn by facedge", "licence": "MIT"})])


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")
