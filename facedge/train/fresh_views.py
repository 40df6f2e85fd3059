"""Views of the training images drawn anew while training: rendered and embedded on the training device.

The same views as those of facedge/train/views.py, which are rendered once from the colour images and kept on the disk.
Here they are made of the patches in memory, and with each epoch one is replaced by the next: a long training then never
ends with images that it has learnt by heart.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from facedge.preprocessing import PreprocessSpec
from facedge.train.data import Samples
from facedge.train.device_teacher import DeviceTeacher, PatchFrame
from facedge.train.teacher_targets import Targets
from facedge.train.views import ViewParameters, blend_labels, seed_of
from facedge.types import Float32Array

CHUNK = 4096  # patches rendered, and embedded, at a time


class FreshViews:
    """The training images followed by `count` views of each; epoch k trains on the views k + 1 to k + count.

    originals: the images of one process, with targets (N, D). seed: differs from process to process. A view depends on
    its number and the seed alone, so an epoch is the same whether the run was interrupted before it or not.
    """

    def __init__(
        self,
        originals: Samples,
        teachers: Sequence[DeviceTeacher],
        targets: Targets,
        spec: PreprocessSpec,
        count: int,
        seed: int = 0,
    ) -> None:
        assert originals.teacher is not None
        self.teachers, self.count, self.seed = teachers, count, seed
        self._frame = PatchFrame.of(spec)
        self._images = len(originals)
        device = originals.patches.device
        self._mean = torch.from_numpy(targets.mean).to(device)
        self._directions = torch.from_numpy(targets.directions).to(device)
        self._held: dict[int, int] = {}  # place among the views -> number of the view that is there
        times = 1 + count
        self.samples = Samples(
            patches=originals.patches.repeat(times, 1, 1),
            attributes=originals.attributes.float().repeat(times, 1),
            classes=torch.cat([originals.classes, originals.classes.new_full((len(originals) * count,), -1)]),
            teacher=originals.teacher.repeat(times, 1),
        )

    def draw(self, epoch: int, stop: Callable[[], bool] = lambda: False) -> None:
        """Bring `samples` to those of an epoch, counted from 0: the views it shares with the last one stay.

        Where `stop()` becomes true, only a part of them.
        """
        for number in range(epoch + 1, epoch + 1 + self.count):
            place = number % self.count
            if self._held.get(place) != number and not stop():
                self._write(place, number)
                self._held[place] = number

    def _write(self, place: int, number: int) -> None:
        samples, count = self.samples, self._images
        assert samples.teacher is not None
        drawn = ViewParameters.draw(count, seed_of(number) + self.seed)
        start = (1 + place) * count
        rows = slice(start, start + count)
        samples.patches[rows] = render_patches(samples.patches[:count], drawn, self._frame)
        samples.attributes[rows] = blend_labels(samples.attributes[:count], drawn)
        for first in range(start, start + count, CHUNK):
            part = slice(first, min(first + CHUNK, start + count))
            samples.teacher[part] = self._targets(samples.patches[part])

    def _targets(self, patches: Tensor) -> Tensor:
        joined = torch.cat([teacher.embed(patches) for teacher in self.teachers], dim=1) / len(self.teachers) ** 0.5
        return F.normalize((joined - self._mean) @ self._directions)


@torch.no_grad()
def render_patches(patches: Tensor, drawn: ViewParameters, frame: PatchFrame) -> Tensor:
    """One view of each patch (N, P, P) uint8: warped, blended with its partner's, lit otherwise."""
    device, side = patches.device, patches.shape[-1]
    theta = frame.theta(torch.from_numpy(drawn.theta)).to(device)
    partner, share = torch.from_numpy(drawn.partner).to(device), _column(drawn.share, device)
    gamma, gain = _column(drawn.gamma, device), _column(drawn.gain.mean(axis=1), device)
    out = torch.empty_like(patches)
    for start in range(0, len(patches), CHUNK):
        part = slice(start, start + CHUNK)
        grid = F.affine_grid(theta[part], [len(theta[part]), 1, side, side], align_corners=False)
        own = _warp(patches[part], grid)
        face = own * share[part] + _warp(patches[partner[part]], grid) * (1 - share[part])
        lit = (face / 255).clamp(0, 1) ** gamma[part] * gain[part]
        out[part] = (lit.clamp(0, 1) * 255).round().byte()[:, 0]
    return out


def _warp(patches: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(patches[:, None].float(), grid, padding_mode="border", align_corners=False)


def _column(values: Float32Array, device: torch.device) -> Tensor:
    """(N,) -> (N, 1, 1, 1) on the device."""
    return torch.from_numpy(np.ascontiguousarray(values)).to(device).view(-1, 1, 1, 1)
