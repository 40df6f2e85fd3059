"""Targets of the embedding's length from the teachers' embeddings.

A teacher's embedding has more numbers than it has degrees of freedom: those of EdgeFace-S, 512 long, lie in fewer than
100 dimensions. Their principal components (PCA) are targets of the embedding's own length, so that the cosine of two
embeddings is trained to be the teacher's cosine, without a map between them. The mean of all faces is taken off
before: it says nothing of a person and moves all cosines towards 1.
"""

from dataclasses import dataclass

import numpy as np

from facedge.train.views import Taught, Views
from facedge.types import Float32Array, Float64Array


@dataclass(frozen=True)
class Targets:
    """The map from a teacher's embeddings (N, T) to targets (N, size), L2-normalised."""

    mean: Float32Array  # (T,), of all faces
    directions: Float32Array  # (T, size)

    @classmethod
    def of(cls, embeddings: Float32Array, size: int, *, free: int = 0) -> "Targets":
        """The mean and the first principal directions of the images' embeddings (N, T).

        The last `free` numbers are 0 (what stands there says nothing of a person: facedge/train/embedding_fit.py); with
        T below `size - free`, those before them too.
        """
        mean = embeddings.mean(axis=0, dtype=np.float64)
        directions = np.pad(_principal_directions(embeddings - mean, size - free), ((0, 0), (0, free)))
        return cls(mean.astype(np.float32), directions)

    def __call__(self, embeddings: Float32Array) -> Float32Array:
        target = (embeddings - self.mean) @ self.directions
        return np.asarray(target / np.maximum(np.linalg.norm(target, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def with_targets(taught: Taught, targets: Targets) -> Taught:
    """The embeddings (N, T) of images and views as targets; as it is without a teacher."""
    if taught.embeddings is None:
        return taught
    views = tuple(Views(view.patches, view.attributes, targets(view.teacher)) for view in taught.views)
    return Taught(targets(taught.embeddings), views)


def _principal_directions(centred: Float64Array, size: int) -> Float32Array:
    """(T, size), of falling variance; of each, the number furthest from 0 is positive, on every machine."""
    _, vectors = np.linalg.eigh(centred.T @ centred)
    chosen = vectors[:, ::-1][:, :size]
    chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(chosen.shape[1])])
    return np.pad(chosen, ((0, 0), (0, size - chosen.shape[1]))).astype(np.float32)
