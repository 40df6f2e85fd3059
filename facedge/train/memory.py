"""Whether the training images fit into memory, before hours are spent on a run that does not."""

from dataclasses import dataclass

import torch

from facedge.errors import RunError
from facedge.formatting import counted
from facedge.machine import free_memory
from facedge.preprocessing import PreprocessSpec
from facedge.train.data import MARGIN

WHILE_LOADING = 2  # copies at the peak: the parts of a data set and what they are joined into


@dataclass(frozen=True)
class Need:
    """What is held of the training images: their number, views counted, and bytes each."""

    images: int
    each: int

    @classmethod
    def of(cls, images: int, spec: PreprocessSpec, *, attributes: int, teacher: int) -> "Need":
        """Patches in uint8, attributes and teacher embeddings of these lengths in float32, classes in int64."""
        return cls(images, (spec.size + 2 * MARGIN) ** 2 + 4 * (attributes + teacher) + 8)

    @property
    def total(self) -> int:
        """Bytes of all."""
        return self.images * self.each


def check_memory(need: Need, device: torch.device, world: int, *, fresh: int = 0) -> None:
    """RunError where the images do not fit into the host's memory while they are read, or on the device.

    Each of `world` processes reads all of them, and keeps its share on its device, with `fresh` views of each.
    """
    held = Need(need.images * (1 + fresh), need.each)
    host = world * WHILE_LOADING * need.total + (0 if device.type == "cuda" else held.total - need.total)
    _check(need, host, free_memory(), "of memory")
    if device.type == "cuda":
        _check(held, held.total // world, torch.cuda.mem_get_info(device)[0], f"of memory on {device}")


def _check(need: Need, wanted: int, free: int | None, what: str) -> None:
    if free is not None and wanted > free:
        raise RunError(
            f"{counted(need.images, 'training image')} need {wanted / 1e9:.1f} GB {what}, and {free / 1e9:.1f} GB are "
            "free: choose a smaller --size, fewer views or --more, or prepare fewer images (--limit)"
        )
