"""From YuNet's twelve output tensors to boxes, landmarks and scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STRIDES = (8, 16, 32)
OUTPUT_NAMES = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES)

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Candidates:
    """n possible faces in pixels: boxes (n, 4) as x0 y0 x1 y1, landmarks (n, 5, 2), scores (n,)."""

    boxes: Floats
    landmarks: Floats
    scores: Floats

    def take(self, indices: NDArray[np.intp]) -> "Candidates":
        """The candidates at `indices`, in that order."""
        return Candidates(self.boxes[indices], self.landmarks[indices], self.scores[indices])

    def scaled(self, factor: tuple[float, float]) -> "Candidates":
        """The same candidates with x and y multiplied by the two factors."""
        by = np.array(factor, np.float32)
        return Candidates(self.boxes * np.tile(by, 2), self.landmarks * by, self.scores)


def concatenate(parts: Sequence[Candidates]) -> Candidates:
    """All candidates of several passes in one."""
    return Candidates(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.landmarks for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def decode(outputs: Sequence[Floats], width: int, min_score: float) -> Candidates:
    """The candidates that score at least `min_score`, before suppression.

    outputs: the arrays named by OUTPUT_NAMES, each (1, cells, channels), cells row by row.
    width: of the network's input in pixels.
    """
    grids = [
        _decode_grid(outputs[level::3], stride, width // stride, min_score) for level, stride in enumerate(STRIDES)
    ]
    return concatenate(grids)


def _decode_grid(tensors: Sequence[Floats], stride: int, columns: int, min_score: float) -> Candidates:
    """One grid: a cell's box centre and landmarks are offsets from the cell's corner, sizes are logarithms of cells."""
    classes, objects, boxes, points = (tensor[0] for tensor in tensors)
    scores = np.sqrt(classes[:, 0].clip(0, 1) * objects[:, 0].clip(0, 1))
    kept = np.flatnonzero(scores >= min_score)
    corner = np.stack([kept % columns, kept // columns], axis=1).astype(np.float32)
    centre = (corner + boxes[kept, :2]) * stride
    half = np.exp(boxes[kept, 2:]) * (stride / 2)
    landmarks = (points[kept].reshape(-1, 5, 2) + corner[:, None]) * stride
    return Candidates(np.concatenate([centre - half, centre + half], axis=1), landmarks, scores[kept])


def suppress(candidates: Candidates, overlap: float) -> Candidates:
    """Non-maximum suppression: by falling score, drop each box whose IoU with a kept one exceeds `overlap`."""
    order = np.argsort(-candidates.scores, kind="stable")
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        order = rest[_iou(candidates.boxes[best], candidates.boxes[rest]) <= overlap]
    return candidates.take(np.array(kept, np.intp))


def consensus(candidates: Candidates, chosen: int, overlap: float) -> Floats:
    """Landmarks (5, 2): the mean of all candidates whose IoU with the chosen one exceeds `overlap`, by their scores.

    Neighbouring cells see one face from different places; their mean moves less than the best one's landmarks.
    """
    same = _iou(candidates.boxes[chosen], candidates.boxes) > overlap
    return np.asarray(np.average(candidates.landmarks[same], axis=0, weights=candidates.scores[same]), np.float32)


def _iou(box: Floats, others: Floats) -> Floats:
    """Intersection over union of one box (4,) with n others (n, 4)."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    common = (high - low).clip(0).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + areas - common
    return np.asarray(common / np.maximum(union, np.finfo(np.float32).tiny), np.float32)
