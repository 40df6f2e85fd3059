"""Two folders of photos -> aligned grey faces with labels, split into training and validation."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facedge.dataset.folders import LabelledPhotos, read_photo_folders, split_photos
from facedge.errors import DatasetError, ImageError
from facedge.imaging import load_rgb
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH, resize_grey
from facedge.runtime.locate import locate

VALIDATION_SHARE = 0.25
LEAST = 2  # photos of each kind: one to train on, one to validate on
LISTED = 5  # left-out photos named before the rest is only counted


@dataclass(frozen=True)
class AlignedPhotos:
    """Faces of me (label 1) and of others (label 0)."""

    images: NDArray[np.uint8]  # (N, 218, 178) grey, CelebA geometry
    labels: NDArray[np.uint8]  # (N,)
    training: NDArray[np.int64]  # rows
    validation: NDArray[np.int64]  # rows; no photo, and no person of the others, is on both sides


def load_photos(
    me: Path, others: Path, *, aligned: bool = False, seed: int = 0, say: Callable[[str], None] = lambda _: None
) -> AlignedPhotos:
    """Read, find, align and split the photos of two folders; those without a usable face are named and left out.

    aligned: the photos are face crops in CelebA geometry already, of any size.
    Raises DatasetError where fewer than two usable photos of either kind remain.
    """
    listed = read_photo_folders(me, others)
    images, kept, left_out = [], [], []
    for row, path in enumerate(listed.paths):
        try:
            found = locate(load_rgb(path), aligned=aligned or None)
        except ImageError as problem:
            left_out.append(str(problem))
            continue
        if found.crop is None:
            left_out.append(f"{path}: {str(found.reason).replace('_', ' ')}")
            continue
        images.append(resize_grey(found.crop, (FRAME_HEIGHT, FRAME_WIDTH))[0])
        kept.append(row)
    _report(listed, left_out, say)
    rows = np.asarray(kept, dtype=np.int64)
    labels = listed.labels[rows]
    for name, folder, label in (("me", me, 1), ("others", others, 0)):
        if (count := int((labels == label).sum())) < LEAST:
            raise DatasetError(f"expected at least {LEAST} usable photos in --{name} {folder}, got {count}: add more")
    usable = LabelledPhotos(tuple(listed.paths[row] for row in kept), labels, listed.groups[rows], ())
    training, validation = split_photos(usable, VALIDATION_SHARE, seed=seed)
    if len(np.unique(labels[validation])) < 2:
        raise DatasetError(
            f"all usable photos in --others {others} are of one person: add photos of other people to validate on"
        )
    return AlignedPhotos(np.stack(images), labels, training, validation)


def _report(listed: LabelledPhotos, left_out: list[str], say: Callable[[str], None]) -> None:
    for copy, original in listed.duplicates:
        say(f"left out: {copy}, the same photo as {original}")
    for sentence in left_out[:LISTED]:
        say(f"left out: {sentence}")
    if len(left_out) > LISTED:
        say(f"left out: {len(left_out) - LISTED} more")
