"""A canvas in CelebA geometry: shapes are drawn under the pose of the shot at twice the size, then averaged down."""

import math
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from facedge.demo.people import Colour, Shot
from facedge.types import Float32Array, Float64Array

Points = Float64Array  # (K, 2) frame coordinates

WIDTH, HEIGHT = 178, 218
EYE_Y = 111.2
CROWN_Y = 38.0
BLACK: Colour = (12, 10, 12)
WHITE: Colour = (250, 250, 248)
CENTRE_X, CENTRE_Y = 88.1, 124.0  # between the eyes and the mouth: the centre of rotation of the pose
OVERSAMPLING = 2


def points(*pairs: tuple[float, float]) -> Points:
    """(K, 2) frame coordinates."""
    return np.array(pairs, dtype=np.float64)


@cache
def _circle(count: int) -> Points:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def ellipse(x: float, y: float, half_width: float, half_height: float, count: int = 20) -> Points:
    """(count, 2) points on an ellipse."""
    return _circle(count) * (half_width, half_height) + (x, y)


@cache
def _parabola(count: int) -> Points:
    """(count, 3): the constant, linear and quadratic terms of a path from 0 to 1."""
    t = np.linspace(0, 1, count)
    return np.stack([np.ones(count), t, t * (1 - t)], axis=1)


def arc(x0: float, y0: float, x1: float, y1: float, bulge: float, count: int = 9) -> Points:
    """(count, 2) points on a parabola from one end to the other; `bulge` > 0 lies lower in the middle."""
    return _parabola(count) @ ((x0, y0), (x1 - x0, y1 - y0), (0.0, 4 * bulge))


def lens(upper: Points, lower: Points) -> Points:
    """A closed shape between two arcs that both run left to right."""
    return np.concatenate([upper, lower[::-1]])


def blend(one: Colour, other: Colour, share: float) -> Colour:
    """`share` of `other` in `one`; shares outside [0, 1] extrapolate and are clipped to bytes."""
    red, green, blue = (round(min(255.0, max(0.0, a + (b - a) * share))) for a, b in zip(one, other, strict=True))
    return red, green, blue


class Canvas:
    """A picture under one pose; `depth` is pixels toward the camera: under yaw the nose moves more than the ears."""

    def __init__(self, shot: Shot) -> None:
        self.image = _scenery(shot.scenery)
        self._draw = ImageDraw.Draw(self.image)
        cosine, sine = math.cos(shot.roll) * shot.scale, math.sin(shot.roll) * shot.scale
        turn = math.cos(shot.yaw)
        self._matrix = np.array([[cosine * turn, sine * turn], [-sine, cosine]]) * OVERSAMPLING
        self._along_x = np.array([cosine, sine]) * OVERSAMPLING * math.sin(shot.yaw)
        centre = np.array([CENTRE_X, CENTRE_Y])
        self._offset = (centre + shot.shift) * OVERSAMPLING - centre @ self._matrix

    def _place(self, shape: Points, depth: float) -> list[tuple[float, float]]:
        placed = shape @ self._matrix + (self._along_x * depth + self._offset)
        return list(map(tuple, placed.tolist()))

    def fill(self, shape: Points, colour: Colour, depth: float = 0.0) -> None:
        """A filled polygon."""
        self._draw.polygon(self._place(shape, depth), fill=colour)

    def stroke(self, path: Points, colour: Colour, width: float, depth: float = 0.0) -> None:
        """An open line, `width` frame pixels thick."""
        self._draw.line(self._place(path, depth), fill=colour, width=max(1, round(width * OVERSAMPLING)), joint="curve")

    def ring(self, shape: Points, colour: Colour, width: float, depth: float = 0.0) -> None:
        """A closed line."""
        self.stroke(np.concatenate([shape, shape[:2]]), colour, width, depth)

    def photograph(self, shot: Shot) -> Image.Image:
        """The 178x218 RGB picture: averaged down, blurred if the shot is, with uneven light and sensor noise."""
        small = self.image.reduce(OVERSAMPLING)
        if shot.blur:
            small = small.filter(ImageFilter.GaussianBlur(shot.blur))
        x, y, vignette, noise = _fields()
        gain, slope_x, slope_y = shot.light
        light = gain * (1 + slope_x * x + slope_y * y - 0.12 * vignette)
        top, left = divmod(shot.scenery % (64 * 64), 64)
        grain = noise[top : top + HEIGHT, left : left + WIDTH] * np.float32(shot.noise)
        pixels = np.asarray(small) * light[:, :, None]
        pixels += grain[:, :, None]
        return Image.fromarray(np.clip(pixels, 0, 255, out=pixels).astype(np.uint8))


@cache
def _fields() -> tuple[Float32Array, Float32Array, Float32Array, Float32Array]:
    """Coordinates from -0.5 to 0.5, squared distance from the face's centre, and unit noise to cut windows from."""
    x = np.linspace(-0.5, 0.5, WIDTH, dtype=np.float32)[None, :]
    y = np.linspace(-0.5, 0.5, HEIGHT, dtype=np.float32)[:, None]
    vignette = np.square((x * WIDTH) / 70) + np.square((y * HEIGHT - 12) / 90)
    noise = np.random.default_rng(178218).standard_normal((HEIGHT + 64, WIDTH + 64), dtype=np.float32)
    return x, y, np.minimum(vignette, 2.0).astype(np.float32), noise


def _scenery(seed: int) -> Image.Image:
    """A smooth background with up to three rectangles in it, (436, 356) pixels."""
    rng = np.random.default_rng(seed)
    base = rng.uniform(40, 225) + rng.normal(0, 26, 3) + rng.normal(0, 16, (4, 3, 3))
    coarse = Image.fromarray(np.clip(base, 0, 255).astype(np.uint8))
    soft = coarse.resize((WIDTH // 2, HEIGHT // 2), Image.Resampling.BILINEAR)
    image = soft.resize((WIDTH * OVERSAMPLING, HEIGHT * OVERSAMPLING), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(0, 4))):
        x, y, size = rng.uniform(0, 356), rng.uniform(0, 436), rng.uniform(20, 110)
        colour = tuple(int(v) for v in np.clip(rng.uniform(30, 230) + rng.normal(0, 25, 3), 0, 255))
        draw.rectangle((x, y, x + size, y + size * rng.uniform(0.4, 3)), fill=colour)
    return image
