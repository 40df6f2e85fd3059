"""The photos that a face head is trained on and judged by: folders -> aligned grey faces with labels, in parts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedge.dataset.folders import LabelledPhotos, read_photo_folders, read_photo_parts, split_photos
from facedge.errors import DatasetError, ImageError
from facedge.faces.crop import find_crop
from facedge.formatting import counted
from facedge.image_folders import unread_note
from facedge.imaging import load_rgb
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH, resize_grey
from facedge.types import Int64Array, Say, UInt8Array, silent

VALIDATION_SHARE = 0.25
LEAST_PHOTOS = 2  # photos of each label: one to train on, one to validate on
LISTED = 5  # left-out photos that are named; the rest is counted


@dataclass(frozen=True)
class AlignedPhotos:
    """Aligned faces of me (label 1) and of others (label 0), split into training and validation."""

    images: UInt8Array  # (N, 218, 178) grey, CelebA geometry
    labels: UInt8Array  # (N,)
    training: Int64Array  # rows
    validation: Int64Array  # rows; no photo, and no person of the others, is in both


@dataclass(frozen=True)
class JudgingPhotos:
    """Aligned faces that a trained head is judged by."""

    images: UInt8Array  # (N, 218, 178) grey, CelebA geometry
    labels: UInt8Array  # (N,) 1 me, 0 others, or dataset.folders.UNLABELLED
    names: tuple[str, ...]  # relative to the folder of test photos


def load_photos(me: Path, others: Path, *, aligned: bool = False, seed: int = 0, say: Say = silent) -> AlignedPhotos:
    """Read the photos of two folders, align their faces and split them; photos without a usable face are left out.

    aligned: the photos are face crops in CelebA geometry already, of any size.
    Raises DatasetError where fewer than two usable photos of either label remain.
    """
    listed = read_photo_folders(me, others)
    for note in filter(None, map(unread_note, (me, others))):
        say(note)
    images, usable = _read_usable(listed, aligned, say)
    for name, folder, label in (("me", me, 1), ("others", others, 0)):
        _check_count(usable, label, LEAST_PHOTOS, f"--{name} {folder}")
    training, validation = split_photos(usable, VALIDATION_SHARE, seed=seed)
    if len(np.unique(usable.labels[validation])) < 2:
        raise DatasetError(
            f"all usable photos in --others {others} are of one person: add photos of other people to validate on"
        )
    return AlignedPhotos(images, usable.labels, training, validation)


def load_photo_parts(
    folder: Path, *, aligned: bool = False, seed: int = 0, say: Say = silent
) -> tuple[AlignedPhotos, JudgingPhotos | None]:
    """Read the photos of FOLDER/train, FOLDER/validation and FOLDER/test (dataset.folders.read_photo_parts).

    Without FOLDER/validation a share of train is validated on, as by `load_photos`; without FOLDER/test there are no
    test photos. Raises DatasetError where too few photos are usable.
    """
    parts = read_photo_parts(folder)
    if parts.validation is None:
        photos = load_photos(folder / "train" / "me", folder / "train" / "others", aligned=aligned, seed=seed, say=say)
    else:
        if note := unread_note(folder):
            say(note)
        both = [_read_usable(part, aligned, say) for part in (parts.training, parts.validation)]
        for (_, usable), name in zip(both, ("train", "validation"), strict=True):
            for label, whose in ((1, "me"), (0, "others")):
                _check_count(usable, label, 1, str(folder / name / whose))
        images, labels = np.concatenate([i for i, _ in both]), np.concatenate([u.labels for _, u in both])
        rows, first = np.arange(len(images)), len(both[0][0])
        photos = AlignedPhotos(images, labels, rows[:first], rows[first:])
    if parts.test is None:
        return photos, None
    images, usable = _read_usable(parts.test, aligned, say)
    _check_count(usable, None, 1, str(folder / "test"))
    names = tuple(path.relative_to(folder / "test").as_posix() for path in usable.paths)
    return photos, JudgingPhotos(images, usable.labels, names)


def _check_count(usable: LabelledPhotos, label: int | None, least: int, place: str) -> None:
    count = len(usable) if label is None else int((usable.labels == label).sum())
    if count < least:
        raise DatasetError(f"expected at least {counted(least, 'usable photo')} in {place}, got {count}: add more")


def _read_usable(listed: LabelledPhotos, aligned: bool, say: Say) -> tuple[UInt8Array, LabelledPhotos]:
    """(grey faces (N, 218, 178), their photos); the others are reported."""
    images, kept, left_out = _read_aligned(listed, aligned)
    _report_left_out(listed, left_out, say)
    rows = np.asarray(kept, dtype=np.int64)
    usable = LabelledPhotos(tuple(listed.paths[row] for row in kept), listed.labels[rows], listed.groups[rows], ())
    return np.stack(images) if images else np.empty((0, FRAME_HEIGHT, FRAME_WIDTH), np.uint8), usable


def _read_aligned(listed: LabelledPhotos, aligned: bool) -> tuple[list[UInt8Array], list[int], list[str]]:
    """(grey faces (218, 178), their rows, a sentence for each photo left out)."""
    images, kept, left_out = [], [], []
    for row, path in enumerate(listed.paths):
        try:
            found = find_crop(load_rgb(path), aligned=aligned or None)
        except ImageError as problem:
            left_out.append(str(problem))
            continue
        if found.crop is None:
            left_out.append(f"{path}: {str(found.reason).replace('_', ' ')}")
            continue
        images.append(resize_grey(found.crop, (FRAME_HEIGHT, FRAME_WIDTH))[0])
        kept.append(row)
    return images, kept, left_out


def _report_left_out(listed: LabelledPhotos, left_out: list[str], say: Say) -> None:
    for copy, original in listed.duplicates:
        say(f"left out: {copy}, the same photo as {original}")
    for sentence in left_out[:LISTED]:
        say(f"left out: {sentence}")
    if len(left_out) > LISTED:
        say(f"left out: {len(left_out) - LISTED} more")
