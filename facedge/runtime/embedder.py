"""Aligned face crops -> embeddings and attributes: preprocessing and the backbone, nothing about a person."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedge.bundle import Bundle
from facedge.errors import InputError
from facedge.preprocessing import preprocess
from facedge.runtime.contract import open_backbone

BATCH = 32  # crops an inference: bounds the memory of a long list without costing speed

Floats = NDArray[np.float32]


class Embedder:
    """The backbone of a bundle.

    bundle     from read_bundle
    threads    CPU threads of preprocessing and inference
    precision  "fp32" or "int8"; None takes the one the bundle's threshold was measured on

    Raises BundleError when the graph does not keep the bundle's contract.
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1, precision: str | None = None) -> None:
        """Load the backbone from the bundle's checked bytes."""
        self.spec = bundle.manifest.preprocess_spec()
        self.embedding_size = bundle.manifest.embedding_size
        self.attribute_names = bundle.manifest.attribute_names
        self.threads = threads
        self.precision = precision or bundle.manifest.precision
        self._session = open_backbone(bundle, self.precision, threads=threads)

    def embed(self, crops: NDArray[np.uint8]) -> Floats:
        """Aligned uint8 (N, H, W, 3) RGB or (N, H, W) grey in CelebA geometry -> float32 (N, D), L2-normalised."""
        return self._in_batches(crops, 0, self.embedding_size)

    def attributes(self, crops: NDArray[np.uint8]) -> Floats:
        """Aligned uint8 (N, H, W, 3) RGB or (N, H, W) grey in CelebA geometry -> float32 (N, A), probabilities."""
        return self._in_batches(crops, 1, len(self.attribute_names))

    def prepare(self, crops: NDArray[np.uint8]) -> Floats:
        """Aligned crops -> the network's input, float32 (N, 1, S, S)."""
        return np.asarray(preprocess(check_crops(crops), self.spec, threads=self.threads), np.float32)

    def infer(self, images: Floats) -> tuple[Floats, Floats]:
        """Network input float32 (N, 1, S, S) -> embedding (N, D), attribute probabilities (N, A)."""
        embedding, attributes = self._session.run(["embedding", "attributes"], {"image": images})
        return embedding, attributes

    def _in_batches(self, crops: NDArray[np.uint8], output: int, width: int) -> Floats:
        checked = check_crops(crops)
        found = np.empty((len(checked), width), np.float32)
        for start in range(0, len(checked), BATCH):
            found[start : start + BATCH] = self.infer(self.prepare(checked[start : start + BATCH]))[output]
        return found


def check_crops(crops: Any) -> NDArray[np.uint8]:
    """InputError unless `crops` is a uint8 batch (N, H, W, 3) or (N, H, W) with N >= 1."""
    array = np.asarray(crops)
    batch = (array.ndim == 4 and array.shape[3] == 3) or (array.ndim == 3 and array.shape[2] != 3)
    if array.dtype != np.uint8 or not batch or 0 in array.shape:
        raise InputError(
            "crops: expected a uint8 batch (N, H, W, 3) of RGB or (N, H, W) of grey images, "
            f"got {array.dtype} {array.shape}: put single images into a batch with image[None]"
        )
    return array
