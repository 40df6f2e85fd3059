"""Pictures of a face turned by an angle: as a head turns, or as a flat, bent or folded photo of it does.

One straight picture is laid on a surface in space, which is turned and filmed from DISTANCE, with perspective and with
what lies in front hiding what lies behind. Lengths are in eye distances, the origin is between the eyes, x and y are
those of the picture, z points to the camera. The depth of a head is an ellipsoid with a nose; nose tip 0.6 before the
eyes and mouth corners 0.06 behind them, as in the landmarks of CelebA, where the middle of the mouth moves by -0.14 of
the nose's way (3,984 pairs of images of one person, 1 to 99 %: -0.34 to -0.01).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from facedge.types import Float64Array, UInt8Array

Points = tuple[tuple[float, float], ...]
Place = tuple[Float64Array, Float64Array, Float64Array]  # x, y, z
Bend = Callable[[Float64Array, Float64Array], Place]  # (u, v) of the picture -> where it lies before it is turned

DISTANCE = 8.0  # from the camera to the eyes: 50 cm
NECK = -0.8  # z of the axis about which a head turns
FINER = 2  # pixels drawn for each pixel of the result, along each axis
MIDDLE = 0.55  # v of the nose tip, about which photos are bent and folded
BEHIND = 110  # grey level of what is beside a photo


@dataclass(frozen=True)
class Surface:
    """What carries the picture: its shape before it turns, and whether it is a head, beside which all stays.

    density: points of the surface for each pixel of the picture, along each axis; a nose's flank needs more
    """

    bend: Bend
    is_head: bool = False
    density: float = 2.5


def flat() -> Surface:
    """A flat photo."""
    return Surface(lambda u, v: (u, v, np.zeros_like(u)))


def head() -> Surface:
    """A head with shoulders and what is behind it."""
    return Surface(lambda u, v: (u, v, _head_depth(u, v)), is_head=True, density=4.0)


def bent(radius: float, axis: float = 0.0, shift: float = 0.0) -> Surface:
    """A photo bent to a cylinder through the nose; `axis` in degrees from the vertical, `shift` of it to the right."""

    def along(t: Float64Array) -> tuple[Float64Array, Float64Array]:
        arc = np.clip(t / radius, -1.5, 1.5)
        return radius * np.sin(arc), radius * (np.cos(arc) - 1)

    return Surface(_along(along, axis, shift))


def folded(degrees: float, axis: float = 0.0, shift: float = 0.0, width: float = 0.0) -> Surface:
    """A photo folded through the nose, each half turned away by an angle.

    axis and shift as in `bent`; width of a flat strip between two folds, 0 for a single fold
    """
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))

    def along(t: Float64Array) -> tuple[Float64Array, Float64Array]:
        beyond = np.maximum(np.abs(t) - width / 2, 0)
        return np.sign(t) * (np.abs(t) - beyond + c * beyond), -s * beyond

    return Surface(_along(along, axis, shift))


def printed(surface: Surface, wider: float = 1.0, longer: float = 1.0) -> Surface:
    """The same with a picture that was printed wider or longer by a factor, which makes up for what bending takes."""
    return Surface(lambda u, v: surface.bend(u * wider, MIDDLE + (v - MIDDLE) * longer))


def leaning(surface: Surface, degrees: float) -> Surface:
    """The same, leaning back from the camera at the top."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))

    def bend(u: Float64Array, v: Float64Array) -> Place:
        x, y, z = surface.bend(u, v)
        return x, MIDDLE + c * (y - MIDDLE) - s * z, s * (y - MIDDLE) + c * z

    return Surface(bend)


def turned(image: UInt8Array, points: Points, degrees: float, surface: Surface, tilt: float = 0.0) -> UInt8Array:
    """uint8 (H, W, 3) with the straight face at five landmarks turned, positive to the image's right.

    The axis is vertical, or leans by `tilt` degrees. The point between the eyes stays where it is.
    """
    (ax, ay), (bx, by) = points[0], points[1]
    x0, y0, unit = (ax + bx) / 2, (ay + by) / 2, float(np.hypot(bx - ax, by - ay))
    height, width = image.shape[:2]
    columns = np.linspace(-0.5, width - 0.5, round(surface.density * width), dtype=np.float64)
    rows = np.linspace(-0.5, height - 0.5, round(surface.density * height), dtype=np.float64)
    u, v = np.meshgrid((columns - x0) / unit, (rows - y0) / unit)
    x, y, z = _filmed(surface, u, v, np.radians(degrees), np.radians(tilt))
    middle = [float(part.mean()) for part in _filmed(surface, *_EYES, np.radians(degrees), np.radians(tilt))[:2]]
    colours = _between(image, *np.meshgrid(columns, rows))
    drawn, known = _drawn(colours, (x - middle[0]) * unit + x0, (y - middle[1]) * unit + y0, z, image.shape)
    if surface.is_head:
        drawn = _filled(drawn, known)
    else:
        drawn[~known] = BEHIND
    fine = drawn.reshape(height, FINER, width, FINER, 3).mean(axis=(1, 3))
    return np.rint(fine).astype(np.uint8)


_EYES = (np.array([-0.5, 0.5]), np.zeros(2))


def _filmed(surface: Surface, u: Float64Array, v: Float64Array, angle: float, tilt: float) -> Place:
    """Where points of the picture are seen, and how near they are."""
    x, y, z = surface.bend(u, v)
    pivot = NECK if surface.is_head else 0.0
    ct, st = np.cos(tilt), np.sin(tilt)
    across, along = ct * x + st * (y - MIDDLE), -st * x + ct * (y - MIDDLE)
    moved, depth = (
        across * np.cos(angle) + (z - pivot) * np.sin(angle),
        (z - pivot) * np.cos(angle) - across * np.sin(angle) + pivot,
    )
    to = ct * moved - st * along, MIDDLE + st * moved + ct * along, depth
    if surface.is_head:
        beside = np.clip((u / 1.5) ** 2 + ((v - 0.3) / 2.1) ** 2, 1.0, 1.6)
        share = (1.6 - beside) / 0.6
        to = tuple(old + share * (new - old) for old, new in zip((x, y, z), to, strict=True))  # type: ignore[assignment]
    near = DISTANCE / np.maximum(DISTANCE - to[2], 1.0)
    return to[0] * near, to[1] * near, to[2]


def _along(bend: Callable[[Float64Array], tuple[Float64Array, Float64Array]], axis: float, shift: float) -> Bend:
    """A bend along one direction of the picture."""
    c, s = np.cos(np.radians(axis)), np.sin(np.radians(axis))

    def everywhere(u: Float64Array, v: Float64Array) -> Place:
        across, along = c * (u - shift) + s * (v - MIDDLE), -s * (u - shift) + c * (v - MIDDLE)
        to, z = bend(across)
        return c * to - s * along + shift, MIDDLE + s * to + c * along, z

    return everywhere


def _drawn(
    colours: Float64Array, x: Float64Array, y: Float64Array, z: Float64Array, shape: tuple[int, ...]
) -> tuple[Float64Array, np.ndarray]:
    """The points on a canvas FINER than `shape`, the nearest on top, and which of its pixels have one."""
    height, width = shape[0] * FINER, shape[1] * FINER
    column = np.floor((x + 0.5) * FINER).astype(np.int64).ravel()
    row = np.floor((y + 0.5) * FINER).astype(np.int64).ravel()
    inside = np.flatnonzero((column >= 0) & (column < width) & (row >= 0) & (row < height))
    order = inside[np.argsort(z.ravel()[inside].astype(np.float32), kind="stable")]
    place = row[order] * width + column[order]
    canvas, known = np.zeros((height * width, 3)), np.zeros(height * width, bool)
    canvas[place] = colours.reshape(-1, 3)[order]
    known[place] = True
    return canvas.reshape(height, width, 3), known.reshape(height, width)


def _filled(canvas: Float64Array, known: np.ndarray) -> Float64Array:
    """What no point reached, by its row."""
    columns = np.arange(canvas.shape[1])
    for row in np.flatnonzero(~known.all(axis=1)):
        there = known[row]
        for channel in range(3) if there.any() else ():
            canvas[row, ~there, channel] = np.interp(columns[~there], columns[there], canvas[row, there, channel])
    return canvas


def _between(image: UInt8Array, x: Float64Array, y: Float64Array) -> Float64Array:
    """Bilinear samples (..., 3)."""
    height, width = image.shape[:2]
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    j, i = x.astype(np.int64), y.astype(np.int64)
    fx, fy = (x - j)[..., None], (y - i)[..., None]
    above = image[i, j] * (1 - fx) + image[i, j + 1] * fx
    below = image[i + 1, j] * (1 - fx) + image[i + 1, j + 1] * fx
    return np.asarray(above * (1 - fy) + below * fy)


def _head_depth(u: Float64Array, v: Float64Array) -> Float64Array:
    skull = 1.3 * np.sqrt(np.clip(1 - (u / 1.2) ** 2 - ((v - 0.3) / 1.8) ** 2, 0, None)) - 1.16
    return np.asarray(skull + 0.5 * np.exp(-((u / 0.16) ** 2) / 2 - ((v - 0.5) / 0.25) ** 2 / 2))
