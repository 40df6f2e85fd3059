"""Photos in folders as labelled data: the folder gives the label (me 1, others 0), never its alphabetical order."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from facedge.errors import DatasetError, InputError
from facedge.image_folders import IMAGE_SUFFIXES, find_images
from facedge.types import Int64Array, UInt8Array

UNLABELLED: Final = 2  # label of a test photo of which nobody has said whose it is
_TEST_LABELS: Final = {"me": 1, "others": 0}


@dataclass(frozen=True)
class LabelledPhotos:
    """Photos of me (1) and of others (0), each photo once."""

    paths: tuple[Path, ...]
    labels: UInt8Array  # (N,)
    groups: Int64Array  # (N,) photos of a group stay together in a split: under others, one person's sub-folder
    duplicates: tuple[tuple[Path, Path], ...]  # (left out, the same photo that stayed)

    def __len__(self) -> int:
        return len(self.paths)


def read_photo_folders(me: str | Path, others: str | Path) -> LabelledPhotos:
    """The photos under `me` (label 1) and `others` (label 0), at any depth.

    The same file twice in one folder counts once and is reported in `duplicates`. Raises DatasetError for an empty
    folder, folders inside each other, and a photo that is in both: one of its labels would be wrong.
    """
    folders = (Path(others), Path(me))
    _check_apart(*folders)
    found = [_photos_in(folder) for folder in folders]
    kept, duplicates = _drop_duplicates(found)
    paths = [path for side in kept for path in side]
    labels = np.repeat(np.array([0, 1], dtype=np.uint8), [len(side) for side in kept])
    keys = [
        _group_of(path, folder, label)
        for label, (side, folder) in enumerate(zip(kept, folders, strict=True))
        for path in side
    ]
    _, groups = np.unique(np.array(keys, dtype=np.str_), return_inverse=True)
    return LabelledPhotos(tuple(paths), labels, groups.astype(np.int64), tuple(duplicates))


@dataclass(frozen=True)
class PhotoParts:
    """Photos in parts that somebody has made: FOLDER/train, and FOLDER/validation and FOLDER/test where they exist."""

    training: LabelledPhotos
    validation: LabelledPhotos | None
    test: LabelledPhotos | None  # labels 0 and 1, and UNLABELLED for those outside test/me and test/others


def read_photo_parts(folder: str | Path) -> PhotoParts:
    """The photos of FOLDER/train/me, FOLDER/train/others, the same under validation, and those under test.

    Test photos may lie in test/me and test/others, or mixed in test itself: then their label is UNLABELLED. Raises
    DatasetError where train/me or train/others is missing, and for a photo that is in two parts: it would be judged by
    a head that was trained on it.
    """
    root = Path(folder)
    for label in ("me", "others"):
        if not (root / "train" / label).is_dir():
            raise DatasetError(
                f"expected the folders train/me and train/others in {root}, and beside train those of validation and "
                f"test if there are any; found no train/{label}"
            )
    training = read_photo_folders(root / "train" / "me", root / "train" / "others")
    validation, test = root / "validation", root / "test"
    parts = PhotoParts(
        training,
        read_photo_folders(validation / "me", validation / "others") if validation.is_dir() else None,
        _read_test(test) if test.is_dir() else None,
    )
    _check_parts_apart(parts)
    return parts


def _read_test(folder: Path) -> LabelledPhotos:
    """Every photo under `folder`, labelled by the sub-folder me or others that it is in."""
    paths = _photos_in(folder)
    labels = [_TEST_LABELS.get(path.relative_to(folder).parts[0], UNLABELLED) for path in paths]
    return LabelledPhotos(tuple(paths), np.array(labels, np.uint8), np.arange(len(paths)), ())


def _check_parts_apart(parts: PhotoParts) -> None:
    seen: dict[str, tuple[int, Path]] = {}
    for number, part in enumerate((parts.training, parts.validation, parts.test)):
        for path in part.paths if part else ():
            first_number, first = seen.setdefault(_content_hash(path), (number, path))
            if first_number != number:
                raise DatasetError(
                    f"{path} and {first} are the same photo, so a head would be judged by what it was trained on: "
                    "remove one"
                )


def split_photos(photos: LabelledPhotos, share: float = 0.2, *, seed: int = 0) -> tuple[Int64Array, Int64Array]:
    """(training, validation) rows, ascending: about `share` of each class to validation, groups kept whole.

    A class with two groups or more has at least one in each part; one group alone goes to training. Raises InputError
    for a share outside [0, 1).
    """
    if not 0 <= share < 1:
        raise InputError(f"expected a share from 0 to below 1, got {share}")
    held = np.zeros(len(photos), dtype=bool)
    for label in (0, 1):
        rows = np.flatnonzero(photos.labels == label)
        groups, member, sizes = np.unique(photos.groups[rows], return_inverse=True, return_counts=True)
        if len(groups) < 2 or share == 0:
            continue
        order = np.random.default_rng([seed, label]).permutation(len(groups))
        count = int(np.searchsorted(np.cumsum(sizes[order]), share * len(rows) - 0.5)) + 1
        chosen = order[: min(max(count, 1), len(groups) - 1)]
        held[rows[np.isin(member, chosen)]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def _content_hash(path: Path) -> str:
    """sha256 of the file's bytes, to find copies of a photo; the path itself where it is no file that can be read."""
    try:
        if path.is_file():  # a pipe would block
            with path.open("rb") as handle:
                return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError:  # whoever decodes it names it and gives the reason
        pass
    return os.fspath(path)


def _check_apart(others: Path, me: Path) -> None:
    for folder, which in ((me, "me"), (others, "others")):
        if not folder.is_dir():
            came = "a file" if folder.exists() else "nothing"
            raise DatasetError(f"expected a folder of photos ({which}) at {folder}, found {came}: check the path")
    one, other = me.resolve(), others.resolve()
    if one == other:
        raise DatasetError(
            f"me and others are the same folder, {me}: put the photos of others into a folder of their own"
        )
    if one in other.parents or other in one.parents:
        inner, outer = (me, others) if other in one.parents else (others, me)
        raise DatasetError(f"{inner} lies inside {outer}, so its photos would have both labels: move it out")


def _photos_in(folder: Path) -> list[Path]:
    paths = find_images(folder)
    if not paths:
        kinds = " ".join(sorted(suffix.lstrip(".") for suffix in IMAGE_SUFFIXES))
        raise DatasetError(f"no photos in {folder}: expected at least one of the kinds {kinds}")
    return paths


def _drop_duplicates(sides: Sequence[list[Path]]) -> tuple[list[list[Path]], list[tuple[Path, Path]]]:
    seen: dict[str, tuple[int, Path]] = {}
    kept: list[list[Path]] = [[] for _ in sides]
    duplicates: list[tuple[Path, Path]] = []
    for side, paths in enumerate(sides):
        for path in paths:
            first_side, first = seen.setdefault(_content_hash(path), (side, path))
            if first is path:
                kept[side].append(path)
            elif first_side == side:
                duplicates.append((path, first))
            else:
                raise DatasetError(
                    f"{path} and {first} are the same photo, which cannot be both me and another person: remove one"
                )
    return kept, duplicates


def _group_of(path: Path, folder: Path, label: int) -> str:
    """The key of a photo's group: under others, a sub-folder is one person; every other photo is its own group."""
    inside = path.relative_to(folder)
    person = inside.parts[0] if label == 0 and len(inside.parts) > 1 else inside.as_posix() + "/"
    return f"{label}/{person}"
