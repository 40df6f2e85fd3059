"""Reader of CelebA and of data sets with its layout: the official download, Kaggle's copy, or a part of either."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from facedge.dataset import splits
from facedge.dataset.images import ImageStore, open_store
from facedge.dataset.label_files import AttributeTable, read_attributes, read_identities, read_partition
from facedge.errors import DatasetError
from facedge.types import Int32Array, Int64Array, UInt8Array

ATTRIBUTE_FILE: Final = "list_attr_celeba.txt"
IDENTITY_FILE: Final = "identity_CelebA.txt"
PARTITION_FILE: Final = "list_eval_partition.txt"
CARD_FILE: Final = "dataset.json"
"""facedge's own, optional: {"name": ..., "licence": ...} where the data set is not CelebA but has its layout."""

OFFICIAL_COUNTS: Final = (162_770, 19_867, 19_962)
_PLACES: Final = ("", "Anno", "Eval")
_LICENCE: Final = "non-commercial research only (the CelebA agreement); neither images nor faces may be passed on"


@dataclass(frozen=True)
class CelebA:
    """The labels of every listed image and the place of the images; no image is read yet."""

    folder: Path
    store: ImageStore
    names: list[str]
    attributes: UInt8Array  # (N, 40), 0 or 1
    identities: Int32Array  # (N,), -1 unknown
    partition: UInt8Array  # (N,), 0 train, 1 validation, 2 test
    partition_kind: str  # "official", "from list_eval_partition.txt", "drawn by identity" or "drawn by image"
    name: str
    licence: str
    notes: tuple[str, ...]  # what is unusual about this copy, as sentences

    def take(self, rows: Int64Array) -> "CelebA":
        """The same data set with only `rows` listed."""
        return replace(
            self,
            names=[self.names[row] for row in rows],
            attributes=self.attributes[rows],
            identities=self.identities[rows],
            partition=self.partition[rows],
        )


def read_celeba(folder: str | Path) -> CelebA:
    """Read the label files in `folder` and find its images.

    Raises DatasetError that names what is missing or contradictory.
    """
    root = Path(folder)
    store = open_store(root)
    notes: list[str] = []
    table = _attributes(root, notes)
    identities = _identities(root, table.names, notes)
    partition, kind = _partition(root, table.names, identities, notes)
    count = len(table.names)
    title = "CelebA" if count == sum(OFFICIAL_COUNTS) else f"CelebA ({count:,} images of it)"
    name, licence = read_card(root, (title, _LICENCE))
    return CelebA(
        root, store, table.names, table.values, identities, partition, kind, name, licence, notes=tuple(notes)
    )


@contextmanager
def _label_file(root: Path, file_name: str, notes: list[str]) -> Iterator[Path | None]:
    """The label file beside the images or in the official download's folders, .txt before .csv; None without one.

    Where there are both kinds, a note or the error of the block names the one that is not read.
    """
    stem = file_name.removesuffix(".txt")
    candidates = (root / place / (stem + suffix) for suffix in (".txt", ".csv") for place in _PLACES)
    found = [path for path in candidates if _is_there(path)]
    other = next((path for path in found if path.suffix != found[0].suffix), None)
    try:
        yield found[0] if found else None
    except DatasetError as problem:
        if other:
            raise DatasetError(f"{problem}; there is {other} too: remove {found[0].name} to have it read") from problem
        raise
    if other:
        notes.append(f"there are both {found[0]} and {other}: the first was read, remove the one that is out of date")


def _is_there(path: Path) -> bool:
    """Whether there is such a file; DatasetError for a pipe, a folder or a link to nothing, which cannot be read."""
    if path.is_file():
        return True
    if os.path.lexists(path):
        raise DatasetError(f"{path} is no regular file: put the file itself in its place, or remove it")
    return False


def _attributes(root: Path, notes: list[str]) -> AttributeTable:
    with _label_file(root, ATTRIBUTE_FILE, notes) as path:
        if path is None:
            raise DatasetError(f"expected {ATTRIBUTE_FILE} (or .csv) in {root}: it comes with CelebA's annotations")
        return read_attributes(path)


def _identities(root: Path, names: list[str], notes: list[str]) -> Int32Array:
    with _label_file(root, IDENTITY_FILE, notes) as path:
        if path is None:
            notes.append(
                f"no {IDENTITY_FILE}: identities are unknown, so verification cannot be tested, and is trained only "
                "where a --teacher is given"
            )
            return np.full(len(names), splits.UNKNOWN, dtype=np.int32)
        listed = read_identities(path)
        identities = np.array([listed.get(name, splits.UNKNOWN) for name in names], dtype=np.int32)
        lacking = int((identities == splits.UNKNOWN).sum())
        if lacking == len(names):
            raise DatasetError(
                f"{path} names none of the {len(names):,} listed images (it has {next(iter(listed))}, the attributes "
                f"have {names[0]}): correct its names, or remove it to go without identities"
            )
        if lacking:
            notes.append(
                f"{path.name} names no identity for {lacking:,} of {len(names):,} images: they count as unknown"
            )
        return identities


def _partition(root: Path, names: list[str], identities: Int32Array, notes: list[str]) -> tuple[UInt8Array, str]:
    with _label_file(root, PARTITION_FILE, notes) as path:
        if path is None:
            by = "identity" if (identities != splits.UNKNOWN).any() else "image"
            notes.append(f"no {PARTITION_FILE}: a partition was drawn by {by} (80 % train, 10 % validation, 10 % test)")
            return splits.draw_partition(identities), f"drawn by {by}"
        listed = read_partition(path)
        lacking = [name for name in names if name not in listed]
        if lacking:
            raise DatasetError(
                f"{path} lists no partition for {len(lacking):,} of {len(names):,} images, first {lacking[0]}: "
                f"complete the file, or remove it to have a partition drawn"
            )
        partition = np.array([listed[name] for name in names], dtype=np.uint8)
        splits.check_disjoint(identities, partition, names, str(path))
        official = tuple(np.bincount(partition, minlength=3).tolist()) == OFFICIAL_COUNTS
        return partition, "official" if official else f"from {path.name}"


def read_card(folder: Path, default: tuple[str, str]) -> tuple[str, str]:
    """Name and licence of a data set for model cards, from its dataset.json where there is one."""
    path = folder / CARD_FILE
    if not _is_there(path):
        return default
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        return str(card["name"]), str(card["licence"])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise DatasetError(f'{path} should be JSON like {{"name": ..., "licence": ...}}, but: {problem!r}') from problem
