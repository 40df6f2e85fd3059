"""Training data: the training images of one or several prepared folders on the training device, and their batches."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facedge.dataset.prepared import Faces
from facedge.dataset.splits import UNKNOWN
from facedge.errors import InputError, RunError
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH, PreprocessSpec, resize_grey
from facedge.types import Float32Array, Int32Array, Int64Array, UInt8Array

MARGIN = 8  # pixels of a patch beyond the crop on each side, for rotation and shift
CHUNK = 1024  # images resampled at a time


@dataclass(frozen=True)
class Samples:
    """Tensors on one device, all of the same length N."""

    patches: Tensor  # (N, S + 2 MARGIN, S + 2 MARGIN) uint8; their centre is the input at inference
    attributes: Tensor  # (N, A), 0 or 1, 255 unknown; of a view that blends two images the weighted mean of theirs
    classes: Tensor  # (N,) int64: identity counted from 0, -1 where it is left out of the identity loss
    teacher: Tensor | None  # (N, D) float32, L2-normalised: targets of the embedding

    def __len__(self) -> int:
        return len(self.patches)

    @property
    def class_count(self) -> int:
        """The number of identities in the identity loss."""
        return int(self.classes.max().item()) + 1 if len(self) else 0


def open_more(faces: Faces, folders: Sequence[Path]) -> list[Faces]:
    """The prepared folders of `--more`, which add training images to those of `faces`.

    Raises InputError where a folder is given twice or has no training images, where its attributes are others, or where
    its listed identities include one that `faces` holds out for validation or test.
    """
    sets: list[Faces] = []
    for folder in folders:
        more = Faces.open(folder)
        if any(more.path.resolve() == known.path.resolve() for known in (faces, *sets)):
            raise InputError(f"{folder} is given twice: name each prepared folder once")
        if more.attribute_names != faces.attribute_names:
            raise InputError(f"{folder} has other attributes than {faces.path}: prepare both with the same facedge")
        if not len(more.indices("train")):
            raise InputError(f"{folder} has no training images to add: prepare it with --unlabelled")
        _check_held_out(faces, more)
        sets.append(more)
    return sets


def _check_held_out(faces: Faces, more: Faces) -> None:
    if not more.info.get("listed_identities"):
        return
    held_out = faces.identities[faces.partition != 0]
    both = np.intersect1d(held_out[held_out != UNKNOWN], more.identities[more.indices("train")])
    if len(both):
        raise InputError(
            f"{more.path} has images of {len(both)} people whom {faces.path} holds out for validation or test, first "
            f"identity {both[0]}: leave them out of its list, or their accuracy would be measured on training images"
        )


def load_samples(
    faces: Faces,
    partition: str,
    spec: PreprocessSpec,
    device: torch.device,
    *,
    more: Sequence[Faces] = (),
    identity_images: int = 2,
    teacher: Float32Array | None = None,
) -> Samples:
    """Read one partition into device memory; RunError if it is empty.

    more: folders whose images of that partition follow. identity_images: identities with fewer images get class -1.
    teacher: embeddings, one row for each image.
    """
    sets = (faces, *more)
    rows = [each.indices(partition) for each in sets]
    if len(rows[0]) == 0:
        raise RunError(f"{faces.path} has no {partition} images: prepare a dataset with all three partitions")
    patches = [crop_patches(each.images, chosen, spec) for each, chosen in zip(sets, rows, strict=True)]
    attributes = [each.attributes[chosen] for each, chosen in zip(sets, rows, strict=True)]
    return Samples(
        patches=torch.from_numpy(np.concatenate(patches)).to(device),
        attributes=torch.from_numpy(np.concatenate(attributes)).to(device),
        classes=torch.from_numpy(classes_of(joint_identities(sets, rows), identity_images)).to(device),
        teacher=None if teacher is None else torch.from_numpy(teacher).to(device),
    )


def joint_identities(sets: Sequence[Faces], rows: Sequence[Int64Array]) -> Int32Array:
    """The identities of the rows of each folder, in order, numbered so that two folders' people stay apart.

    A folder with listed identities shares the numbers of the first; the folders' own numbers follow above them.
    """
    listed = [each.identities for k, each in enumerate(sets) if k == 0 or each.info.get("listed_identities")]
    free = max((int(numbers.max()) for numbers in listed if len(numbers)), default=UNKNOWN) + 1
    joint = []
    for k, (each, chosen) in enumerate(zip(sets, rows, strict=True)):
        numbers = each.identities[chosen].astype(np.int32)
        if k and not each.info.get("listed_identities"):
            numbers = np.where(numbers == UNKNOWN, UNKNOWN, numbers + free).astype(np.int32)
            free = max(free, int(numbers.max()) + 1)
        joint.append(numbers)
    return np.concatenate(joint)


def share_of(samples: Samples, rank: int, world: int, device: torch.device) -> Samples:
    """The samples that process `rank` of `world` trains on, on its device: as many for each, every `world`-th."""
    last = len(samples) // world * world

    def part(tensor: Tensor) -> Tensor:
        return tensor[rank:last:world].contiguous().to(device)  # a view would keep all of them

    teacher = None if samples.teacher is None else part(samples.teacher)
    return Samples(part(samples.patches), part(samples.attributes), part(samples.classes), teacher)


def classes_of(identities: Int32Array, least: int) -> Int64Array:
    """Identities numbered from 0 in their order; -1 for unknown ones and those with fewer than `least` images."""
    values, inverse, counts = np.unique(identities, return_inverse=True, return_counts=True)
    included = (counts >= least) & (values >= 0)
    number = np.where(included, np.cumsum(included) - 1, -1)
    return number[inverse].astype(np.int64)


def patch_box(spec: PreprocessSpec) -> tuple[float, float, float, float]:
    """The crop with the margin of a patch around it, x0, y0, x1, y1 in pixels of the frame, which it may exceed."""
    x0, y0, x1, y1 = (edge / 256 for edge in spec.crop)
    margin_x, margin_y = (x1 - x0) * MARGIN / spec.size, (y1 - y0) * MARGIN / spec.size
    return x0 - margin_x, y0 - margin_y, x1 + margin_x, y1 + margin_y


def crop_patches(images: UInt8Array, rows: Int64Array, spec: PreprocessSpec) -> UInt8Array:
    """The crop and a margin around it, at the scale of the network's input: (N, S + 2 MARGIN, S + 2 MARGIN) uint8.

    The kernel of `preprocess` resamples, so training and inference have the same pixels. Beyond the frame its border
    is repeated.
    """
    side = spec.size + 2 * MARGIN
    x0, y0, x1, y1 = patch_box(spec)
    pad = math.ceil(max(-x0, -y0, x1 - FRAME_WIDTH, y1 - FRAME_HEIGHT, 0))
    box = (x0 + pad, y0 + pad, x1 + pad, y1 + pad)
    out = np.empty((len(rows), side, side), np.uint8)
    for start in range(0, len(rows), CHUNK):
        chunk = images[rows[start : start + CHUNK]]
        if pad:
            chunk = np.pad(chunk, ((0, 0), (pad, pad), (pad, pad)), mode="edge")
        out[start : start + len(chunk)] = resize_grey(chunk, (side, side), box=box)
    return out


def batch_rows(order: Tensor, done: int, batch: int) -> Tensor | None:
    """The next `batch` of the shuffled row numbers `order` (N,) after the first `done`; None at the end of the epoch.

    The last, incomplete batch is dropped (drop_last), because batch norm needs a full one. Fewer rows than one batch
    are one batch.
    """
    if done and done + batch > len(order):
        return None
    return order[done : done + batch]
