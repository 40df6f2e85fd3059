"""A prepared folder: faces decoded once, in CelebA geometry, with their labels. `facedge prepare` writes it.

images.npy      uint8 (N, 218, 178)  grey, BT.601
attributes.npy  uint8 (N, 40)        1 where the attribute is present, 255 where it is not known
identities.npy  int32 (N,)           -1 where the person is unknown
partition.npy   uint8 (N,)           0 train, 1 validation, 2 test
names.npy       str   (N,)           the image's file name in the data set
faces.json      format, counts, source, licence and skipped images; written last
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from facedge.dataset.images import ImageStore, crop_of, open_store, open_tree
from facedge.dataset.splits import PARTITIONS
from facedge.errors import DatasetError, ImageError, InputError
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH
from facedge.types import AnyArray, Int32Array, Int64Array, UInt8Array

FORMAT: Final = 1
INFO_FILE: Final = "faces.json"
UNKNOWN_ATTRIBUTE: Final = 255
STATE_FILE: Final = "prepare.json"  # exists until `prepare` is done
ARRAYS: Final = ("images", "attributes", "identities", "partition", "names")  # each in NAME.npy


@dataclass(frozen=True)
class Faces:
    """The arrays of a prepared folder; `images` stays on disk (memory-mapped, read-only)."""

    path: Path
    images: UInt8Array
    attributes: UInt8Array
    identities: Int32Array
    partition: UInt8Array
    names: AnyArray  # str
    attribute_names: tuple[str, ...]
    info: dict[str, Any]

    @classmethod
    def open(cls, path: str | Path) -> "Faces":
        """Read and check the folder; DatasetError with one sentence if it is not a complete prepared folder."""
        folder = Path(path)
        info = _read_info(folder)
        faces = cls(
            path=folder,
            images=_load(folder, "images", np.uint8, (FRAME_HEIGHT, FRAME_WIDTH), mapped=True),
            attributes=_load(folder, "attributes", np.uint8, (len(info["attribute_names"]),)),
            identities=_load(folder, "identities", np.int32, ()),
            partition=_load(folder, "partition", np.uint8, ()),
            names=_load(folder, "names", np.str_, ()),
            attribute_names=tuple(info["attribute_names"]),
            info=info,
        )
        faces._check()
        return faces

    def __len__(self) -> int:
        return len(self.images)

    def indices(self, partition: str) -> Int64Array:
        """The rows of a partition, "train", "validation" or "test", ascending; InputError for another name."""
        if partition not in PARTITIONS:
            raise InputError(f"expected a partition out of {', '.join(PARTITIONS)}, got {partition!r}")
        return np.flatnonzero(self.partition == PARTITIONS.index(partition)).astype(np.int64)

    def load_source(self, index: int) -> UInt8Array:
        """The colour image of row `index`, uint8 (H, W, 3), read again from the data set that was prepared.

        178x218 pixels or another multiple of 89x109; of photos, the aligned crop. Raises DatasetError where the data
        set no longer exists.
        """
        name = str(self.names[index])
        try:
            return crop_of(self._store.read(name), self.info.get("min_face"))
        except (DatasetError, ImageError) as problem:
            raise DatasetError(
                f"no source image for {name} in {self._store.place} ({problem}): restore the dataset"
            ) from problem

    @cached_property
    def _store(self) -> ImageStore:
        return (open_tree if self.info.get("unlabelled") else open_store)(Path(self.info["source"]))

    def _check(self) -> None:
        count = self.info["images"]
        for name in ARRAYS:
            array: AnyArray = getattr(self, name)
            if len(array) != count:
                raise _damaged(self.path, f"{name}.npy has {len(array)} rows, expected {count} as in {INFO_FILE}")
        if count and int(self.partition.max()) >= len(PARTITIONS):
            raise _damaged(self.path, f"partition.npy holds {int(self.partition.max())}, expected 0, 1 or 2")
        labels = np.unique(self.attributes)
        if wrong := [int(label) for label in labels if label > 1 and label != UNKNOWN_ATTRIBUTE]:
            raise _damaged(
                self.path, f"attributes.npy holds {wrong[0]}, expected 0, 1 or {UNKNOWN_ATTRIBUTE} (unknown)"
            )


def _damaged(folder: Path, what: str) -> DatasetError:
    return DatasetError(f"{folder} is damaged: {what}; remove the folder and run facedge prepare again")


def _read_info(folder: Path) -> dict[str, Any]:
    path = folder / INFO_FILE
    if not path.is_file():
        if (folder / STATE_FILE).is_file():
            raise DatasetError(f"{folder} is not finished: run the same facedge prepare command again, it resumes")
        came = "no such folder" if not folder.exists() else f"no {INFO_FILE} in it"
        raise DatasetError(f"expected a folder made by facedge prepare at {folder}, but there is {came}")
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise _damaged(folder, f"{INFO_FILE} cannot be read ({problem})") from problem
    if not isinstance(info, dict) or not isinstance(info.get("format"), int):
        raise _damaged(folder, f"{INFO_FILE} has no format version")
    if info["format"] != FORMAT:
        raise DatasetError(
            f"{folder} has format {info['format']} and this facedge reads format {FORMAT}: run facedge prepare again"
        )
    _check_fields(folder, info)
    return info


def _check_fields(folder: Path, info: dict[str, Any]) -> None:
    fields = {"images": int, "attribute_names": list, "source": str, "name": str, "licence": str, "partition": str}
    for name, kind in fields.items():
        if not isinstance(info.get(name), kind):
            raise _damaged(folder, f"{INFO_FILE} has no {name} of type {kind.__name__}")
    if not all(isinstance(name, str) for name in info["attribute_names"]):
        raise _damaged(folder, f"{INFO_FILE} has attribute_names that are not text")


def _load(folder: Path, name: str, dtype: type[Any], row: tuple[int, ...], *, mapped: bool = False) -> AnyArray:
    """The array `name`.npy of N rows of shape `row`."""
    path = folder / f"{name}.npy"
    try:
        array = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as problem:
        raise _damaged(folder, f"{path.name} cannot be read ({problem})") from problem
    if not isinstance(array, np.ndarray) or not np.issubdtype(array.dtype, dtype) or array.shape[1:] != row:
        raise _damaged(folder, f"{path.name} is {array.dtype} {array.shape}, expected {dtype.__name__} {('N', *row)}")
    return array
