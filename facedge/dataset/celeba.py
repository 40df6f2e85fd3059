"""CelebA as people have it: the official download, Kaggle's, a part of either, or a synthetic one."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facedge.dataset import splits
from facedge.dataset.celeba_layout import ATTRIBUTE_FILE, CARD_FILE, IDENTITY_FILE, PARTITION_FILE
from facedge.dataset.image_store import ImageStore, open_store
from facedge.dataset.tables import read_attributes, read_identities, read_partition
from facedge.errors import DatasetError

OFFICIAL_COUNTS: Final = (162_770, 19_867, 19_962)
_PLACES: Final = ("", "Anno", "Eval")
_LICENCE: Final = "non-commercial research only (the CelebA agreement); neither images nor faces may be passed on"


@dataclass(frozen=True)
class CelebA:
    """The labels of every listed image and where the images lie; no image is read yet."""

    folder: Path
    store: ImageStore
    names: list[str]
    attributes: NDArray[np.uint8]  # (N, 40), 0 or 1
    identities: NDArray[np.int32]  # (N,), -1 unknown
    partition: NDArray[np.uint8]  # (N,), 0 train, 1 validation, 2 test
    partition_kind: str  # "official", "from list_eval_partition.txt", "drawn by identity" or "drawn by image"
    name: str
    licence: str
    notes: tuple[str, ...]  # what a person should know about this copy

    def take(self, rows: NDArray[np.int64]) -> "CelebA":
        """The same dataset with only `rows` listed."""
        return CelebA(
            folder=self.folder,
            store=self.store,
            names=[self.names[row] for row in rows],
            attributes=self.attributes[rows],
            identities=self.identities[rows],
            partition=self.partition[rows],
            partition_kind=self.partition_kind,
            name=self.name,
            licence=self.licence,
            notes=self.notes,
        )


def read_celeba(folder: str | Path) -> CelebA:
    """Read the label files in `folder` and find its images; DatasetError says what is missing or contradicts itself."""
    root = Path(folder)
    store = open_store(root)
    notes: list[str] = []
    path = _find(root, ATTRIBUTE_FILE)
    if path is None:
        raise DatasetError(f"expected {ATTRIBUTE_FILE} (or .csv) in {root}: it comes with CelebA's annotations")
    table = read_attributes(path)
    identities = _identities(root, table.names, notes)
    partition, kind = _partition(root, table.names, identities, notes)
    name, licence = _card(root, len(table.names))
    return CelebA(
        root, store, table.names, table.values, identities, partition, kind, name, licence, notes=tuple(notes)
    )


def _find(root: Path, file_name: str) -> Path | None:
    """The label file beside the images or in the official download's folders, as .txt or .csv."""
    stem = file_name.removesuffix(".txt")
    candidates = (root / place / (stem + suffix) for suffix in (".txt", ".csv") for place in _PLACES)
    return next((path for path in candidates if path.is_file()), None)


def _identities(root: Path, names: list[str], notes: list[str]) -> NDArray[np.int32]:
    path = _find(root, IDENTITY_FILE)
    if path is None:
        notes.append(f"no {IDENTITY_FILE}: identities are unknown, so people cannot be told apart in training or tests")
        return np.full(len(names), splits.UNKNOWN, dtype=np.int32)
    listed = read_identities(path)
    identities = np.array([listed.get(name, splits.UNKNOWN) for name in names], dtype=np.int32)
    if lacking := int((identities == splits.UNKNOWN).sum()):
        notes.append(f"{path.name} names no identity for {lacking:,} of {len(names):,} images: they count as unknown")
    return identities


def _partition(
    root: Path, names: list[str], identities: NDArray[np.int32], notes: list[str]
) -> tuple[NDArray[np.uint8], str]:
    path = _find(root, PARTITION_FILE)
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


def _card(root: Path, count: int) -> tuple[str, str]:
    """Name and licence for model cards: CelebA's, unless a dataset.json says what else it is."""
    path = root / CARD_FILE
    if not path.is_file():
        return ("CelebA" if count == sum(OFFICIAL_COUNTS) else f"CelebA ({count:,} images of it)"), _LICENCE
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        return str(card["name"]), str(card["licence"])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise DatasetError(f'{path} should be JSON like {{"name": ..., "licence": ...}}, but: {problem!r}') from problem
