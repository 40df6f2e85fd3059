"""A partition of the prepared faces, resident on the device that trains."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facedge.dataset.faces import Faces
from facedge.errors import RunError
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH, PreprocessSpec, resize_grey

if TYPE_CHECKING:
    from facedge.train.views import Views

MARGIN = 8  # outputs beyond the crop on each side, for augmentation to move into


@dataclass(frozen=True)
class Samples:
    """Tensors on one device, all of the same length N."""

    patches: Tensor  # (N, S + 2 MARGIN, S + 2 MARGIN) uint8; their centre is what the device sees
    attributes: Tensor  # (N, A), 0 or 1; a view that blends two faces has a share of both
    classes: Tensor  # (N,) int64: identity counted from 0, -1 where it takes no part
    teacher: Tensor | None  # (N, T) float32, L2-normalised

    def __len__(self) -> int:
        return len(self.patches)

    @property
    def class_count(self) -> int:
        """How many identities take part in the identity loss."""
        return int(self.classes.max().item()) + 1 if len(self) else 0


def load_samples(
    faces: Faces,
    partition: str,
    spec: PreprocessSpec,
    device: torch.device,
    *,
    identity_images: int = 2,
    teacher: NDArray[np.float32] | None = None,
) -> Samples:
    """Read one partition into device memory; `teacher` holds one row for each of its images."""
    rows = faces.indices(partition)
    if len(rows) == 0:
        raise RunError(f"{faces.path} has no {partition} images: prepare a dataset with all three partitions")
    classes = classes_of(faces.identities[rows], identity_images)
    return Samples(
        patches=torch.from_numpy(patches(faces.images, rows, spec)).to(device),
        attributes=torch.from_numpy(np.ascontiguousarray(faces.attributes[rows])).to(device),
        classes=torch.from_numpy(classes).to(device),
        teacher=None if teacher is None else torch.from_numpy(teacher).to(device),
    )


def with_views(samples: Samples, views: Sequence[Views]) -> Samples:
    """The samples and the teacher's views of them: attributes and the teacher's word, no identities."""
    if not views or samples.teacher is None:
        return samples
    device = samples.patches.device
    none = torch.full((len(samples),), -1, dtype=torch.int64, device=device)
    return Samples(
        patches=torch.cat([samples.patches, *(torch.from_numpy(v.patches).to(device) for v in views)]),
        attributes=torch.cat([samples.attributes.float(), *(torch.from_numpy(v.attributes).to(device) for v in views)]),
        classes=torch.cat([samples.classes, *([none] * len(views))]),
        teacher=torch.cat([samples.teacher, *(torch.from_numpy(v.teacher).to(device) for v in views)]),
    )


def classes_of(identities: NDArray[np.int32], least: int) -> NDArray[np.int64]:
    """Identities numbered from 0 in their order; -1 for unknown ones and those with fewer than `least` images."""
    values, inverse, counts = np.unique(identities, return_inverse=True, return_counts=True)
    takes_part = (counts >= least) & (values >= 0)
    number = np.where(takes_part, np.cumsum(takes_part) - 1, -1)
    return number[inverse].astype(np.int64)


def patches(images: NDArray[np.uint8], rows: NDArray[np.int64], spec: PreprocessSpec) -> NDArray[np.uint8]:
    """The crop and a margin around it, at the network's own scale: (N, S + 2 MARGIN, S + 2 MARGIN) uint8.

    Done by the kernel that runs on the device, so training and deployment resample alike. What lies beyond the
    frame repeats its border.
    """
    side = spec.size + 2 * MARGIN
    x0, y0, x1, y1 = (edge / 256 for edge in spec.crop)
    margin_x, margin_y = (x1 - x0) * MARGIN / spec.size, (y1 - y0) * MARGIN / spec.size
    beyond = max(margin_x - x0, margin_y - y0, x1 + margin_x - FRAME_WIDTH, y1 + margin_y - FRAME_HEIGHT, 0)
    pad = math.ceil(beyond)
    box = (x0 - margin_x + pad, y0 - margin_y + pad, x1 + margin_x + pad, y1 + margin_y + pad)
    out = np.empty((len(rows), side, side), np.uint8)
    for start in range(0, len(rows), 1024):
        chunk = images[rows[start : start + 1024]]
        if pad:
            chunk = np.pad(chunk, ((0, 0), (pad, pad), (pad, pad)), mode="edge")
        out[start : start + len(chunk)] = resize_grey(chunk, (side, side), box=box)
    return out


def batches(count: int, batch: int, generator: torch.Generator, rank: int = 0, world: int = 1) -> Iterator[Tensor]:
    """Row numbers of one epoch's batches, shuffled; each of `world` processes gets its share of every batch.

    The last, incomplete batch is left out: batch norm wants company. A set smaller than one batch is one batch.
    """
    order = torch.randperm(count, generator=generator, device=generator.device)
    full = max(1, count // batch)
    for number in range(full):
        rows = order[number * batch : (number + 1) * batch]
        yield rows[rank::world]
