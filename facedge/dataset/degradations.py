"""Photos degraded on purpose: the conditions that cameras and light bring, by known amounts and repeatable by seed.

An image is uint8 RGB (H, W, 3) or grey (H, W), and every function returns one of the same kind. `landmarks` are the
five points of the face, float (5, 2), x and y in pixels of the image: eyes, nose, mouth corners. Two kinds: functions
that know nothing of the face, or where CelebA's frame has it (`rotation`, `covered`), and those that draw on its
landmarks.
"""

from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from facedge.types import Float32Array, Float64Array, UInt8Array

FACE_CENTRE = (88.0 / 178, 131.0 / 218)  # the middle of the five landmarks of CelebA geometry, in shares
NOSE_ROW = 134.0 / 218
MASK_GREYS = (235, 190, 40)  # white, pale blue or black cloth in grey levels
GLASSES_GREY = 22


def brightness(image: UInt8Array, factor: float) -> UInt8Array:
    """Multiply the pixels and clip, as a wrong exposure does."""
    return _bytes(image * factor)


def rotation(image: UInt8Array, degrees: float) -> UInt8Array:
    """Rotate about the middle of the face; what lies outside the photo repeats its border pixels."""
    height, width = image.shape[:2]
    pad = max(height, width) // 2
    padded = Image.fromarray(np.pad(image, [(pad, pad), (pad, pad), (0, 0)][: image.ndim], mode="edge"))
    x, y = FACE_CENTRE[0] * width, FACE_CENTRE[1] * height
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    back = (c, -s, x - c * x + s * y + pad, s, c, y - s * x - c * y + pad)  # from the result to the padded photo
    turned = padded.transform((width, height), Image.Transform.AFFINE, back, Image.Resampling.BICUBIC)
    return np.asarray(turned)


def turned(image: UInt8Array, degrees: int) -> UInt8Array:
    """The whole photo turned counterclockwise by 90, 180 or 270 degrees, as by a camera that hangs so."""
    return np.ascontiguousarray(np.rot90(image, degrees // 90))


def stretched(image: UInt8Array, factor: float) -> UInt8Array:
    """The width times `factor`, the height as it is: a frame that is shown in the wrong aspect ratio."""
    height, width = image.shape[:2]
    return np.asarray(Image.fromarray(image).resize((round(width * factor), height), Image.Resampling.BICUBIC))


def tight_crop(image: UInt8Array, landmarks: Float32Array) -> UInt8Array:
    """The photo cut to the face, from the forehead to the chin, as face data sets and thumbnails come."""
    left, top, right, bottom = tight_box(landmarks, image.shape)
    return np.ascontiguousarray(image[top:bottom, left:right])


def tight_box(landmarks: Float32Array, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of what `tight_crop` leaves of a photo of `shape` (H, W, ...), in pixels."""
    height, width = shape[:2]
    eyes, (x, y) = _axes(landmarks)[2], landmarks[:2].mean(axis=0)
    left, right = max(0, round(x - 1.05 * eyes)), min(width, round(x + 1.05 * eyes))
    top, bottom = max(0, round(y - 1.15 * eyes)), min(height, round(y + 1.65 * eyes))
    return left, top, right, bottom


def blur(image: UInt8Array, sigma: float) -> UInt8Array:
    """Gaussian blur, sigma in pixels of the 178-pixel-wide frame."""
    scale = image.shape[1] / 178
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma * scale)))


def motion_blur(image: UInt8Array, length: float) -> UInt8Array:
    """The mean over a horizontal movement of `length` pixels of the 178-pixel-wide frame."""
    count = max(1, round(length * image.shape[1] / 178))
    pads = [(0, 0), (count // 2, count - 1 - count // 2), (0, 0)][: image.ndim]
    sums = np.cumsum(np.pad(image.astype(np.float64), pads, mode="edge"), axis=1)
    sums[:, count:] -= sums[:, :-count].copy()
    return _bytes(sums[:, count - 1 :] / count)


def jpeg(image: UInt8Array, quality: float) -> UInt8Array:
    """Save as JPEG and load again."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=int(quality))
    with Image.open(buffer) as loaded:
        return np.asarray(loaded)


def low_resolution(image: UInt8Array, width: float) -> UInt8Array:
    """Shrink the frame to `width` pixels across (box filter) and enlarge it again."""
    full = Image.fromarray(image)
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    small = full.resize((int(width), height), Image.Resampling.BOX)
    return np.asarray(small.resize(full.size, Image.Resampling.BILINEAR))


def covered(image: UInt8Array, part: float) -> UInt8Array:
    """Paint half of the face mid-grey: part 0 the left, 1 the right, 2 from the nose down, 3 from the nose up."""
    degraded = image.copy()
    row, column = round(NOSE_ROW * image.shape[0]), round(FACE_CENTRE[0] * image.shape[1])
    area = (np.s_[:, :column], np.s_[:, column:], np.s_[row:, :], np.s_[:row, :])[int(part)]
    degraded[area] = 127
    return degraded


def noisy(image: UInt8Array, sigma: float, rng: np.random.Generator) -> UInt8Array:
    """Add Gaussian noise of `sigma` grey levels, independent in each pixel and colour."""
    return _bytes(image + sigma * rng.standard_normal(image.shape, dtype=np.float32))


def dark(image: UInt8Array, factor: float, rng: np.random.Generator) -> UInt8Array:
    """Too little light: the pixels times `factor`, and the noise of a sensor (4 grey levels), which stays."""
    return noisy(brightness(image, factor), 4.0, rng)


def infrared(image: UInt8Array, landmarks: Float32Array, rng: np.random.Generator) -> UInt8Array:
    """The look of a night camera: mostly red light, skin bright and flat, one lamp beside the lens, noise.

    The red channel weighs most (skin reflects near infrared as it does red), a gamma of 0.6 flattens the skin, and the
    light falls off with the distance from the face. A drawing of the look, no simulation of spectra.
    """
    colour = image.reshape(*image.shape[:2], -1).astype(np.float64)
    grey = colour @ (np.array([0.75, 0.2, 0.05]) if colour.shape[2] == 3 else np.ones(1))
    lit = 235 * (grey / 255) ** 0.6 * np.exp(-((_distance(image, landmarks) / 4.0) ** 2))
    result = noisy(blur(_bytes(lit), 0.4), 5.0, rng)
    return result if image.ndim == 2 else np.repeat(result[:, :, None], 3, axis=2)


def backlit(image: UInt8Array, landmarks: Float32Array, face: float) -> UInt8Array:
    """Light from behind: the head times `face`, what is around it towards white, with a veil over the whole."""
    outside = 1 / (1 + np.exp(-(_distance(image, landmarks) - 2.0) / 0.25))
    outside = outside.reshape(outside.shape + (1,) * (image.ndim - 2))
    lit = image * face * (1 - outside) + (0.4 * image + 160) * outside
    return _bytes(20 + lit * (235 / 255))


def masked(image: UInt8Array, landmarks: Float32Array, rng: np.random.Generator) -> UInt8Array:
    """A cloth over nose, mouth and chin, drawn on the landmarks, in one of three greys."""
    return cloth(image, landmarks, int(rng.choice(MASK_GREYS)))


def cloth(image: UInt8Array, landmarks: Float32Array, grey: int) -> UInt8Array:
    """A cloth of one grey level over nose, mouth and chin, drawn on the landmarks."""
    across, down, eyes = _axes(landmarks)
    middle, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    bridge = middle + 0.45 * (landmarks[2] - middle)
    outline = [
        bridge,
        bridge + 0.85 * eyes * across + 0.1 * eyes * down,
        mouth + 0.85 * eyes * across + 0.1 * eyes * down,
        mouth + 0.45 * eyes * across + 0.65 * eyes * down,
        mouth - 0.45 * eyes * across + 0.65 * eyes * down,
        mouth - 0.85 * eyes * across + 0.1 * eyes * down,
        bridge - 0.85 * eyes * across + 0.1 * eyes * down,
    ]
    return _draw(image, grey, [outline])


def dark_glasses(image: UInt8Array, landmarks: Float32Array) -> UInt8Array:
    """Two opaque dark lenses and their bridge, drawn on the landmarks of the eyes."""
    across, down, eyes = _axes(landmarks)
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)[:, None]
    lens = 0.42 * eyes * np.cos(turns) * across + 0.32 * eyes * np.sin(turns) * down
    left, right = landmarks[0].astype(np.float64), landmarks[1].astype(np.float64)
    low = 0.05 * eyes * down
    bridge = [left - low, right - low, right + low, left + low]
    return _draw(image, GLASSES_GREY, [[*(left + lens)], [*(right + lens)], bridge])


def _draw(image: UInt8Array, grey: int, polygons: list[list[Float64Array]]) -> UInt8Array:
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    for polygon in polygons:
        pen.polygon([(float(x), float(y)) for x, y in polygon], fill=grey if image.ndim == 2 else (grey, grey, grey))
    return np.asarray(canvas)


def _axes(landmarks: Float32Array) -> tuple[Float64Array, Float64Array, float]:
    """(across, down, eye distance): unit vectors (2,) along the line of the eyes and towards the chin."""
    line = landmarks[1].astype(np.float64) - landmarks[0]
    eyes = max(float(np.hypot(*line)), 1.0)
    across = line / eyes
    return across, np.array([-across[1], across[0]]), eyes


def _distance(image: UInt8Array, landmarks: Float32Array) -> Float64Array:
    """(H, W): the distance of each pixel from the middle of the landmarks, in eye distances."""
    height, width = image.shape[:2]
    x, y = landmarks.mean(axis=0)
    return np.asarray(np.hypot(np.arange(width) - x, np.arange(height)[:, None] - y) / _axes(landmarks)[2])


def _bytes(values: Float64Array | Float32Array) -> UInt8Array:
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)
