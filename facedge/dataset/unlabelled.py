"""Reader of faces without CelebA's labels: any folder or zip of images, all of them for training.

A sub-folder is one identity; images beside the sub-folders are of unknown people. Lists in CelebA's formats may add
attributes, or identities in the numbering of another data set.
"""

from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from facedge.dataset.attribute_names import ATTRIBUTE_NAMES
from facedge.dataset.celeba import CelebA, read_card
from facedge.dataset.images import open_tree
from facedge.dataset.label_files import read_attributes, read_identities
from facedge.dataset.prepared import UNKNOWN_ATTRIBUTE
from facedge.dataset.splits import UNKNOWN
from facedge.errors import DatasetError
from facedge.types import Int32Array, UInt8Array

TRAINING_ONLY: Final = "training only"
_LICENCE: Final = "not stated"


def read_unlabelled(source: str | Path, attributes: Path | None = None, identities: Path | None = None) -> CelebA:
    """List the images of a folder or zip, sorted by their paths in it; no image is read yet.

    attributes: a list in the format of list_attr_celeba.txt; images that it does not name have unknown attributes.
    identities: a list in the format of identity_CelebA.txt, in the numbering of the data set that these faces are
        trained with; it takes the place of the sub-folders.

    Raises DatasetError where there is no image, or where a list names none of them.
    """
    root = Path(source)
    store = open_tree(root)
    names = sorted(store.sizes())
    if not names:
        raise DatasetError(f"expected images in {root}, found none: check the path")
    notes: list[str] = []
    people = _listed_identities(names, identities) if identities else _folder_identities(names)
    if unknown := int((people == UNKNOWN).sum()):
        notes.append(
            f"{unknown:,} of {len(names):,} images are of unknown people: they are left out of the identity loss"
        )
    labels = _listed_attributes(names, attributes, notes)
    folder = root if root.is_dir() else root.parent
    name, licence = read_card(folder, (f"{root.stem} ({len(names):,} images)", _LICENCE))
    partition = np.zeros(len(names), dtype=np.uint8)
    return CelebA(root, store, names, labels, people, partition, TRAINING_ONLY, name, licence, notes=tuple(notes))


def _folder_identities(names: list[str]) -> Int32Array:
    """The number of each image's folder, in their order; -1 for images that lie in none."""
    folders = [str(PurePosixPath(name).parent) for name in names]
    numbers = {folder: number for number, folder in enumerate(sorted(set(folders) - {"."}))}
    return np.array([numbers.get(folder, UNKNOWN) for folder in folders], dtype=np.int32)


def _listed_identities(names: list[str], path: Path) -> Int32Array:
    listed = read_identities(path)
    people = np.array([listed.get(PurePosixPath(name).name, UNKNOWN) for name in names], dtype=np.int32)
    _check_named(path, int((people != UNKNOWN).sum()), names, next(iter(listed), "no name"))
    return people


def _listed_attributes(names: list[str], path: Path | None, notes: list[str]) -> UInt8Array:
    labels = np.full((len(names), len(ATTRIBUTE_NAMES)), UNKNOWN_ATTRIBUTE, dtype=np.uint8)
    if path is None:
        return labels
    table = read_attributes(path)
    rows = {name: row for row, name in enumerate(table.names)}
    found = [(k, rows[base]) for k, name in enumerate(names) if (base := PurePosixPath(name).name) in rows]
    _check_named(path, len(found), names, table.names[0])
    for k, row in found:
        labels[k] = table.values[row]
    if lacking := len(names) - len(found):
        notes.append(f"{path.name} names no attributes for {lacking:,} of {len(names):,} images")
    return labels


def _check_named(path: Path, found: int, names: list[str], listed: str) -> None:
    if not found:
        raise DatasetError(
            f"{path} names none of the {len(names):,} images (it has {listed}, the first image is {names[0]}): "
            "correct its names or leave it out"
        )
