"""Camera conditions on batches of aligned faces: what the student is shown while the teacher saw the clean face.

Each condition falls on a share of a batch, on its training device and without waiting for it. They are kinds of
facedge/dataset/degradations.py, drawn anew with random strengths: cloth over nose and mouth, dark glasses, infrared
light, over- and underexposure, light from behind, motion, JPEG, sensor noise. Images are grey (N, 1, P, P) in
[-1, 1], with the landmarks of CelebA geometry where `Landmarks.of` has them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from facedge.preprocessing import LANDMARKS, PreprocessSpec


@dataclass(frozen=True)
class FaceLayout:
    """Where the face lies in a patch, in pixels: centre between the eyes, eye distance, rows of nose and mouth."""

    eyes: tuple[float, float]
    eye_distance: float
    nose: tuple[float, float]
    mouth: tuple[float, float]

    @classmethod
    def of(cls, spec: PreprocessSpec, margin: int) -> "FaceLayout":
        """The layout in a patch: the crop of `spec` at its size, with `margin` pixels on each side."""
        x0, y0, x1, y1 = (edge / 256 for edge in spec.crop)
        across, down = spec.size / (x1 - x0), spec.size / (y1 - y0)
        left, right, nose, one, other = ((margin + (x - x0) * across, margin + (y - y0) * down) for x, y in LANDMARKS)
        return cls(
            eyes=((left[0] + right[0]) / 2, (left[1] + right[1]) / 2),
            eye_distance=right[0] - left[0],
            nose=nose,
            mouth=((one[0] + other[0]) / 2, (one[1] + other[1]) / 2),
        )


def apply_conditions(x: Tensor, layout: FaceLayout, share: float, generator: Generator) -> Tensor:
    """x with each condition on `share` of the images, each image with one condition at most.

    The images of a batch are in random order, so the first ones get the first condition, and so on.
    """
    count = int(len(x) * share)
    if not count:
        return x
    parts = list(torch.split(x, count))
    for number, condition in enumerate(CONDITIONS[: len(parts)]):
        parts[number] = condition(parts[number], layout, generator)
    return torch.cat(parts).clamp_(-1, 1)


def uniform(x: Tensor, generator: Generator, low: float = 0.0, high: float = 1.0) -> Tensor:
    """One random number for each image, shaped to broadcast over (N, 1, P, P)."""
    return torch.rand((len(x), 1, 1, 1), generator=generator, device=x.device) * (high - low) + low


def _grid(x: Tensor) -> tuple[Tensor, Tensor]:
    """(column, row) of each pixel, broadcasting over (N, 1, P, P)."""
    line = torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)
    return line.view(1, 1, 1, -1), line.view(1, 1, -1, 1)


def _distance(x: Tensor, layout: FaceLayout) -> Tensor:
    """Distance of each pixel from the nose in eye distances, (1, 1, P, P)."""
    column, row = _grid(x)
    return torch.hypot(column - layout.nose[0], row - layout.nose[1]) / layout.eye_distance


def masked(x: Tensor, layout: FaceLayout, generator: Generator) -> Tensor:
    """Cloth of one grey from the bridge of the nose to the chin, wide as the face and narrower at the chin."""
    column, row = _grid(x)
    unit = layout.eye_distance
    top = layout.eyes[1] + unit * uniform(x, generator, 0.1, 0.6)
    bottom = layout.mouth[1] + unit * uniform(x, generator, 0.4, 1.0)
    down = ((row - top) / (bottom - top)).clamp(0, 1)  # 0 at the bridge, 1 at the chin
    sideways = (column - layout.nose[0]).abs() / unit
    width = torch.minimum(0.25 + 3.0 * down, 1.7 - 1.2 * down) * uniform(x, generator, 0.55, 0.9)
    inside = (row >= top) & (row <= bottom) & (sideways <= width)
    return torch.where(inside, uniform(x, generator, -0.9, 0.95), x)


def dark_glasses(x: Tensor, layout: FaceLayout, generator: Generator) -> Tensor:
    """Two dark lenses over the eyes and a bridge, mostly opaque."""
    column, row = _grid(x)
    unit = layout.eye_distance
    shift = unit * uniform(x, generator, -0.08, 0.12)
    high, wide = uniform(x, generator, 0.22, 0.42), uniform(x, generator, 0.32, 0.5)
    sideways = ((column - layout.eyes[0]).abs() / unit - 0.5).abs()
    down = (row - layout.eyes[1] - shift).abs() / unit
    power = uniform(x, generator, 2.0, 5.0)  # round to nearly rectangular
    lens = (sideways / wide).pow(power) + (down / high).pow(power) <= 1
    bridge = (down <= 0.06) & ((column - layout.eyes[0]).abs() <= 0.5 * unit)
    grey, opacity = uniform(x, generator, -1.0, -0.6), uniform(x, generator, 0.7, 1.0)
    return torch.where(lens | bridge, x + (grey - x) * opacity, x)


def infrared(x: Tensor, layout: FaceLayout, generator: Generator) -> Tensor:
    """One lamp beside the lens: skin bright and flat (a gamma below 1), light that falls off outwards, noise."""
    light = ((x + 1) / 2).clamp(1e-4, 1).pow(uniform(x, generator, 0.35, 0.8)) * uniform(x, generator, 0.8, 1.15)
    lit = light * torch.exp(-((_distance(x, layout) / uniform(x, generator, 2.5, 6.0)) ** 2))
    return _noise(lit * 2 - 1, 0.05, generator)


def overexposed(x: Tensor, _layout: FaceLayout, generator: Generator) -> Tensor:
    """Multiplied and clipped at white, as by a wrong exposure."""
    return ((x + 1) * uniform(x, generator, 1.3, 3.0) - 1).clamp(-1, 1)


def underexposed(x: Tensor, _layout: FaceLayout, generator: Generator) -> Tensor:
    """Too little light, with a sensor's noise, which stays; in part brightened again, as cameras do."""
    factor = uniform(x, generator, 0.08, 0.5)
    dark = _noise((x + 1) * factor - 1, 0.03, generator)
    return (dark + 1) * torch.where(uniform(x, generator, 0, 1) < 0.5, 1.0, 0.6 / factor) - 1


def backlit(x: Tensor, layout: FaceLayout, generator: Generator) -> Tensor:
    """Light from behind: the face dark, what is around it towards white, a veil over all."""
    edge = uniform(x, generator, 1.2, 2.2)
    outside = torch.sigmoid((_distance(x, layout) - edge) / 0.25)
    light = (x + 1) / 2
    lit = light * uniform(x, generator, 0.2, 0.6) * (1 - outside) + (0.4 * light + 0.6) * outside
    veil = uniform(x, generator, 0.0, 0.15)
    return (veil + lit * (1 - veil)) * 2 - 1


def motion_blur(x: Tensor, _layout: FaceLayout, generator: Generator) -> Tensor:
    """The mean over a straight movement of up to 9 pixels, in one direction for all images of the batch."""
    reach = 4
    length, turn = torch.rand(2, generator=generator, device=x.device)
    angle = (turn - 0.5) * math.pi
    line = torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype)
    column, row = line.view(1, -1), line.view(-1, 1)
    along = column * torch.cos(angle) + row * torch.sin(angle)
    across = column * torch.sin(angle) - row * torch.cos(angle)
    kernel = (1 - across.abs()).clamp(min=0) * (0.5 + reach * (0.3 + 0.7 * length) - along.abs()).clamp(0, 1)
    kernel = kernel / kernel.sum()
    return F.conv2d(F.pad(x, [reach] * 4, mode="replicate"), kernel[None, None])


def jpeg(x: Tensor, _layout: FaceLayout, generator: Generator) -> Tensor:
    """Coarsely quantised DCT coefficients of 8x8 blocks, with steps that grow with the frequency, as in JPEG."""
    count, _, height, width = x.shape
    basis = _dct(x)
    blocks = x.view(count, height // 8, 8, width // 8, 8).permute(0, 1, 3, 2, 4)  # (N, rows, columns, 8, 8)
    coefficients = basis @ blocks @ basis.T
    frequency = torch.arange(8, device=x.device, dtype=x.dtype)
    step = (1 + frequency[:, None] + frequency[None, :]) * uniform(x, generator, 0.03, 0.2)[:, :, None]
    blocks = basis.T @ ((coefficients / step).round() * step) @ basis
    return blocks.permute(0, 1, 3, 2, 4).reshape(x.shape)


def _dct(x: Tensor) -> Tensor:
    """The orthonormal DCT-II matrix (8, 8)."""
    k = torch.arange(8, device=x.device, dtype=x.dtype)
    basis = torch.cos(math.pi / 8 * (k[None, :] + 0.5) * k[:, None]) / 2
    basis[0] /= math.sqrt(2)
    return basis


def noisy(x: Tensor, _layout: FaceLayout, generator: Generator) -> Tensor:
    """Strong sensor noise, independent in each pixel."""
    return _noise(x, 0.2, generator)


def _noise(x: Tensor, strongest: float, generator: Generator) -> Tensor:
    noise = torch.randn(x.shape, generator=generator, device=x.device)
    return x + noise * uniform(x, generator, 0.0, strongest)


Condition = Callable[[Tensor, FaceLayout, Generator], Tensor]
CONDITIONS: tuple[Condition, ...] = (
    masked, dark_glasses, infrared, overexposed, underexposed, backlit, motion_blur, jpeg, noisy,
)  # fmt: skip
