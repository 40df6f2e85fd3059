"""The photos that a face head is trained on: two folders -> aligned grey faces with labels, split for validation."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedge.dataset.folders import LabelledPhotos, read_photo_folders, split_photos
from facedge.errors import DatasetError, ImageError
from facedge.faces.crop import find_crop
from facedge.image_files import unread_note
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


def load_photos(me: Path, others: Path, *, aligned: bool = False, seed: int = 0, say: Say = silent) -> AlignedPhotos:
    """Read the photos of two folders, align their faces and split them; photos without a usable face are left out.

    aligned: the photos are face crops in CelebA geometry already, of any size.
    Raises DatasetError where fewer than two usable photos of either label remain.
    """
    listed = read_photo_folders(me, others)
    for note in filter(None, map(unread_note, (me, others))):
        say(note)
    images, kept, left_out = _read_aligned(listed, aligned)
    _report_left_out(listed, left_out, say)
    rows = np.asarray(kept, dtype=np.int64)
    labels = listed.labels[rows]
    for name, folder, label in (("me", me, 1), ("others", others, 0)):
        if (count := int((labels == label).sum())) < LEAST_PHOTOS:
            raise DatasetError(
                f"expected at least {LEAST_PHOTOS} usable photos in --{name} {folder}, got {count}: add more"
            )
    usable = LabelledPhotos(tuple(listed.paths[row] for row in kept), labels, listed.groups[rows], ())
    training, validation = split_photos(usable, VALIDATION_SHARE, seed=seed)
    if len(np.unique(labels[validation])) < 2:
        raise DatasetError(
            f"all usable photos in --others {others} are of one person: add photos of other people to validate on"
        )
    return AlignedPhotos(np.stack(images), labels, training, validation)


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
