"""The detector's input and output: a photo letterboxed into planes; output tensors decoded into boxes and landmarks.

The compiled kernel (ext/boxes.c) does the work; the numpy versions here, which give the same bits, serve without it.
Candidate boxes that overlap are one face: `non_max_suppression` keeps the best, `mean_face` averages them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedge.preprocessing import kernel, resize_grey
from facedge.types import Box, Float32Array, FloatArray, IntArray, UInt8Array

STRIDES = (8, 16, 32)  # input pixels per cell of the network's three grids
OUTPUT_NAMES = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES)
SIDE_MULTIPLE = STRIDES[-1]  # sides of the input are multiples of the coarsest grid's cell
MIN_SIDE, MAX_SIDE = 128, 4096  # of the input, in pixels
# Pixels of the input to which coordinates are rounded. Builds of onnxruntime differ in the last digits, by up to 1.5e-5
# pixel, which moved bytes of 37 of 38 crops of LFW photos (onnxruntime with its graph optimisations and without).
# Rounded to 1/32 pixel 1 of 84 still differs, to 1/8 none of 384: the larger the step, the fewer. Landmarks vary by 1
# pixel: with steps up to 1/8 the crops of 239 CelebA faces tilted by 0 to 30 degrees (the geometry of
# benchmarks/detection.py) keep their scatter, in size 3.5 to 4.5 % and in turn 2.5 to 3.6 degrees, to 0.02 % and 0.02
# degrees.
STEP = 1 / 8
MAX_ENLARGEMENT = 2.0  # enlarging a photo further finds no more faces


@dataclass(frozen=True)
class Letterbox:
    """How a photo lies in the input: `height` x `width` pixels in the top left corner of input_height x input_width."""

    height: int
    width: int
    input_height: int
    input_width: int

    def to_photo(self, photo_height: int, photo_width: int) -> tuple[float, float]:
        """Factors of x and y from the input's pixels to the photo's."""
        return photo_width / self.width, photo_height / self.height


def fit_letterbox(photo_height: int, photo_width: int, longer_side: int) -> Letterbox:
    """The letterbox that scales the photo's longer side to `longer_side` pixels, enlarged at most twice."""
    scale = min(longer_side / max(photo_height, photo_width), MAX_ENLARGEMENT)
    height, width = max(1, round(photo_height * scale)), max(1, round(photo_width * scale))
    return Letterbox(height, width, padded_side(height), padded_side(width))


def padded_side(pixels: int) -> int:
    """The smallest side of an input that holds `pixels`, but at most MAX_SIDE."""
    return min(max(-(-pixels // SIDE_MULTIPLE) * SIDE_MULTIPLE, MIN_SIDE), MAX_SIDE)


def input_planes(rgb: UInt8Array, box: Letterbox) -> Float32Array:
    """(H, W, 3) uint8 RGB, any strides -> float32 (1, 3, input_height, input_width) BGR from 0 to 255, zero-padded.

    The resize is facedge.preprocessing's, each channel as a grey image: the exact area average, the same on every
    machine.
    """
    shape, code = (1, 3, box.input_height, box.input_width), kernel.compiled_code()
    if code is not None and max(rgb.shape[:2]) <= kernel.MAX_SIDE:
        planes = np.empty(shape, np.float32)
        kernel.compiled.letterbox_planes(rgb, box.height, box.width, planes, code)
        return planes
    bgr = np.ascontiguousarray(rgb.transpose(2, 0, 1)[::-1])
    planes = np.zeros(shape, np.float32)
    planes[0, :, : box.height, : box.width] = resize_grey(bgr[..., None], (box.height, box.width))
    return planes


@dataclass(frozen=True)
class Candidates:
    """n possible faces in pixels: boxes (n, 4) as x0 y0 x1 y1, landmarks (n, 5, 2), scores (n,), all float32."""

    boxes: Float32Array
    landmarks: Float32Array
    scores: Float32Array

    def rows(self) -> Float32Array:
        """The candidates as the kernel takes them: a new array (n, 15) of box, landmarks, score."""
        parts = (self.boxes, self.landmarks.reshape(-1, 10), self.scores[:, None])
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def take(self, indices: IntArray) -> "Candidates":
        """The candidates at `indices`, in that order."""
        return Candidates(self.boxes[indices], self.landmarks[indices], self.scores[indices])

    def scaled(self, factor: tuple[float, float]) -> "Candidates":
        """The same candidates with x and y multiplied by the two factors."""
        by = np.array(factor, np.float32)
        return Candidates(self.boxes * np.tile(by, 2), self.landmarks * by, self.scores)


def concatenate(parts: Sequence[Candidates]) -> Candidates:
    """The candidates of several grids or passes in one."""
    return Candidates(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.landmarks for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def decode(outputs: Sequence[Float32Array], width: int, min_score: float) -> Candidates:
    """The candidates that score at least `min_score`, before non-maximum suppression.

    outputs: the arrays named by OUTPUT_NAMES, each (1, cells, channels), cells row by row.
    width: of the network's input in pixels.
    """
    if kernel.compiled_code() is not None:
        return _decode_compiled(outputs, width, min_score)
    grids = [
        _decode_grid(outputs[level::3], stride, width // stride, min_score) for level, stride in enumerate(STRIDES)
    ]
    return concatenate(grids)


def _decode_compiled(outputs: Sequence[Float32Array], width: int, min_score: float) -> Candidates:
    tensors = [np.ascontiguousarray(tensor, np.float32) for tensor in outputs]
    height = tensors[0].shape[1] // (width // STRIDES[0]) * STRIDES[0]
    rows = np.empty((sum(tensor.shape[1] for tensor in tensors[:3]), 15), np.float32)
    return _of_rows(rows[: kernel.compiled.decode(tensors, height, width, min_score, rows)].copy())


def _of_rows(rows: Float32Array) -> Candidates:
    return Candidates(rows[:, :4], rows[:, 4:14].reshape(-1, 5, 2), rows[:, 14])


def _decode_grid(tensors: Sequence[Float32Array], stride: int, columns: int, min_score: float) -> Candidates:
    """One grid: a cell's box centre and landmarks are offsets from the cell's corner, sizes are logarithms of cells."""
    classes, objects, boxes, points = (tensor[0] for tensor in tensors)
    scores = np.sqrt(classes[:, 0].clip(0, 1) * objects[:, 0].clip(0, 1))
    kept = np.flatnonzero(scores >= min_score)
    corner = np.stack([kept % columns, kept // columns], axis=1).astype(np.float32)
    centre = (corner + boxes[kept, :2]) * stride
    with np.errstate(over="ignore"):  # the double's exponential, rounded once: the same bits on every machine
        half = np.exp(boxes[kept, 2:].astype(np.float64)).astype(np.float32) * np.float32(stride / 2)
    landmarks = (points[kept].reshape(-1, 5, 2) + corner[:, None]) * stride
    corners = np.concatenate([centre - half, centre + half], axis=1)
    return Candidates(_on_grid(corners), _on_grid(landmarks), scores[kept])


def _on_grid(pixels: FloatArray) -> Float32Array:
    """The nearest multiples of STEP, halves to even."""
    return (np.rint(pixels.astype(np.float64) / STEP) * STEP).astype(np.float32)


def non_max_suppression(candidates: Candidates, max_iou: float) -> Candidates:
    """By falling score, drop each box whose intersection over union (IoU) with a kept one exceeds `max_iou`."""
    if kernel.compiled_code() is not None:
        rows = candidates.rows()
        return _of_rows(rows[: kernel.compiled.suppress(rows, max_iou)])
    order = np.argsort(-candidates.scores, kind="stable")
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        order = rest[_iou(candidates.boxes[best], candidates.boxes[rest]) <= max_iou]
    return candidates.take(np.array(kept, np.intp))


def mean_face(candidates: Candidates, chosen: int, min_iou: float) -> tuple[Float32Array, float]:
    """The landmarks (5, 2) of a face and the width / height of its box.

    Both are means, weighted by score, over all candidates whose IoU with the chosen one exceeds `min_iou`:
    neighbouring cells estimate one face independently, and their mean varies less than the best cell's estimate.
    """
    rows, landmarks = candidates.rows(), np.empty((5, 2), np.float32)
    if kernel.compiled_code() is not None:
        return landmarks, float(kernel.compiled.mean_face(rows, chosen, min_iou, landmarks))
    same = rows[_iou(candidates.boxes[chosen], candidates.boxes) > min_iou].astype(np.float64)
    same[:, :14] *= same[:, 14:]
    sums = same.sum(axis=0)  # row by row, as the kernel adds them
    means = _on_grid(sums[:14] / sums[14])
    landmarks[...] = means[4:].reshape(5, 2)
    width, height = (max(float(side), STEP) for side in means[2:4] - means[:2])
    return landmarks, width / height


def movement(before: Box, after: Box) -> tuple[float, float]:
    """How far a face moved, in widths of the box before, and its width as a multiple of that; inf without a width."""
    width, now = before[2] - before[0], after[2] - after[0]
    if not (width > 0 and now > 0):
        return math.inf, math.inf
    across, down = after[0] + after[2] - before[0] - before[2], after[1] + after[3] - before[1] - before[3]
    return math.hypot(across / 2, down / 2) / width, now / width


def _iou(box: Float32Array, others: Float32Array) -> Float32Array:
    """Intersection over union of one box (4,) with n others (n, 4)."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    common = (high - low).clip(0).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + areas - common
    return np.asarray(common / np.maximum(union, np.finfo(np.float32).tiny), np.float32)
