"""Augmentation of whole batches on the training device: geometry, then light, sharpness, occlusion and noise.

Every random number comes from the generator that is passed in, so a seed fixes a run and an epoch can be repeated.
"""

import math
import random
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from facedge.train.camera_conditions import FaceLayout, apply_conditions, uniform


@dataclass(frozen=True)
class Augment:
    """Strengths: rotation in degrees, shift as a fraction of the side, light in units of the [-1, 1] input."""

    rotation: float = 8.0
    scale: float = 0.08
    shift: float = 0.04
    flip: float = 0.5
    contrast: float = 0.25
    brightness: float = 0.2
    gamma: float = 0.25
    soft: float = 0.2  # share of a batch that is blurred
    noise: float = 0.03
    occlude: float = 0.2  # share of a batch with a covered rectangle
    aspect: float = 0.0  # log of the largest change of the proportions
    strong: float = 0.0  # share of a batch with 2.5 times the rotation and 4 times the change of proportions
    conditions: float = 0.0  # share of a batch under each of the camera conditions

    @classmethod
    def none(cls) -> "Augment":
        """No augmentation: the centre crop, as at inference."""
        return cls(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    @classmethod
    def cameras(cls) -> "Augment":
        """With camera conditions on 45 % of a batch, roll to 20 degrees and small squeezes."""
        return cls(aspect=0.04, strong=0.15, conditions=0.05)


def normalise(patches: Tensor) -> Tensor:
    """uint8 (N, H, W) -> the network's input range: float32 (N, 1, H, W), (grey - 127.5) / 127.5."""
    return (patches.float() - 127.5).mul_(1 / 127.5).unsqueeze(1)


def centre_crop(patches: Tensor, size: int) -> Tensor:
    """The unaugmented input: the centre of patches (N, P, P) uint8 as float32 (N, 1, size, size)."""
    margin = (patches.shape[-1] - size) // 2
    return normalise(patches[:, margin : margin + size, margin : margin + size])


def augment(patches: Tensor, layout: FaceLayout, size: int, strength: Augment, generator: Generator) -> Tensor:
    """Random views (N, 1, size, size) float32 of patches (N, P, P) uint8, P >= size; layout: of the face in them."""
    x = apply_conditions(normalise(patches), layout, strength.conditions, generator)
    x = _warp(x, size, strength, generator)
    x = _light(x, strength, generator)
    x = _soften(x, strength, generator)
    x = _occlude(x, strength, generator)
    if strength.noise:
        x = x + torch.randn(x.shape, generator=generator, device=x.device) * strength.noise * uniform(x, generator)
    return x.clamp_(-1, 1)


def _warp(x: Tensor, size: int, strength: Augment, generator: Generator) -> Tensor:
    """Rotation, scale, shift and mirror in one bilinear resampling; the patch's margin fills the borders."""
    patch = x.shape[-1]
    strong = uniform(x, generator).flatten() < strength.strong
    angle = uniform(x, generator, -1, 1).flatten() * math.radians(strength.rotation) * torch.where(strong, 2.5, 1.0)
    aspect = torch.exp(uniform(x, generator, -1, 1).flatten() * strength.aspect * torch.where(strong, 4.0, 1.0))
    zoom = torch.exp(uniform(x, generator, -1, 1).flatten() * strength.scale) * (size / patch)
    mirror = 1 - 2 * (uniform(x, generator).flatten() < strength.flip).float()
    dx, dy = (uniform(x, generator, -2, 2).flatten() * strength.shift for _ in range(2))
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    theta = torch.stack([cos * mirror * aspect, -sin / aspect, dx, sin * mirror * aspect, cos / aspect, dy], dim=1)
    theta = theta.view(-1, 2, 3)
    grid = F.affine_grid(theta, [len(x), 1, size, size], align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _light(x: Tensor, strength: Augment, generator: Generator) -> Tensor:
    """Gamma on [0, 1], then contrast about the image's mean and an offset."""
    if strength.gamma:
        exponent = torch.exp(uniform(x, generator, -1, 1) * strength.gamma)
        x = ((x + 1) * 0.5).clamp(1e-4, 1).pow(exponent) * 2 - 1
    gain = 1 + uniform(x, generator, -1, 1) * strength.contrast
    mean = x.mean(dim=(2, 3), keepdim=True)
    return (x - mean) * gain + mean + uniform(x, generator, -1, 1) * strength.brightness


def _soften(x: Tensor, strength: Augment, generator: Generator) -> Tensor:
    """Scale a share of the batch down and up again, as in faces far away, out of focus or badly compressed.

    Of random images: the first of a batch are those that camera conditions fall on.
    """
    count, size = int(len(x) * strength.soft), x.shape[-1]
    if not count:
        return x
    # The size of a tensor has to be known on the host: drawn there, from the generator's seed.
    factor = 0.35 + 0.5 * random.Random(generator.initial_seed()).random()
    chosen = torch.randperm(len(x), generator=generator, device=x.device)[:count]
    small = F.interpolate(x[chosen], size=max(8, round(size * factor)), mode="area")
    soft = F.interpolate(small, size=(size, size), mode="bilinear", align_corners=False)
    return x.index_copy(0, chosen, soft)


def _occlude(x: Tensor, strength: Augment, generator: Generator) -> Tensor:
    """Cover a rectangle of up to half the side with one grey (a hand, a mask, an edge of the frame)."""
    if not strength.occlude:
        return x
    size = x.shape[-1]
    grid = torch.arange(size, device=x.device) / size
    rows, columns = grid.view(1, 1, -1, 1), grid.view(1, 1, 1, -1)
    top, left = uniform(x, generator, -0.2, 1), uniform(x, generator, -0.2, 1)
    height, width = uniform(x, generator, 0.1, 0.5), uniform(x, generator, 0.1, 0.5)
    inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    chosen = uniform(x, generator) < strength.occlude
    return torch.where(inside & chosen, uniform(x, generator, -1, 1), x)
