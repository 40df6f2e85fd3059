"""Targets of the embedding's length from the teachers' embeddings.

A teacher's embedding has more numbers than it has degrees of freedom: those of EdgeFace-S, 512 long, lie in fewer than
100 dimensions. Their principal components (PCA) are targets of the embedding's own length, so that the cosine of two
embeddings is trained to be the teacher's cosine, without a map between them. The mean of all faces is taken off
before: it says nothing of a person and moves all cosines towards 1.
"""

import numpy as np

from facedge.train.views import Taught, Views
from facedge.types import Float32Array, Float64Array


def principal_targets(taught: Taught, size: int, *, free: int = 0) -> Taught:
    """The embeddings (N, T) less their mean, on their first principal directions, L2-normalised: (N, size).

    Mean and directions are those of the images, and serve the views too. The last `free` numbers are 0 (what stands
    there says nothing of a person: facedge/train/embedding_fit.py); with T below `size - free`, those before them too.
    """
    if taught.embeddings is None:
        return taught
    mean = taught.embeddings.mean(axis=0, dtype=np.float64)
    directions = np.pad(_principal_directions(taught.embeddings - mean, size - free), ((0, 0), (0, free)))

    def reduced(embeddings: Float32Array) -> Float32Array:
        target = (embeddings - mean) @ directions
        return np.asarray(target / np.maximum(np.linalg.norm(target, axis=1, keepdims=True), 1e-9), dtype=np.float32)

    views = tuple(Views(view.patches, view.attributes, reduced(view.teacher)) for view in taught.views)
    return Taught(reduced(taught.embeddings), views)


def _principal_directions(centred: Float64Array, size: int) -> Float32Array:
    """(T, size), of falling variance; of each, the number furthest from 0 is positive, on every machine."""
    _, vectors = np.linalg.eigh(centred.T @ centred)
    chosen = vectors[:, ::-1][:, :size]
    chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(chosen.shape[1])])
    return np.pad(chosen, ((0, 0), (0, size - chosen.shape[1]))).astype(np.float32)
