"""Photos and aligned crops -> embeddings and attributes: the models of a bundle opened, and the backbone run.

Nothing here depends on a person; the face head decides elsewhere (runtime/verifier.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from facedge.bundle import Bundle
from facedge.bundle.format import BACKBONES
from facedge.bundle.onnx_file import inspect_graph
from facedge.errors import BundleError, InputError
from facedge.faces.crop import LARGEST_FACE, CropReason, FaceCrop, Photo, find_crop, since
from facedge.faces.options import FaceOptions
from facedge.faces.quality import too_poor
from facedge.onnx_session import BYTES, FLOAT, Port, check_ports, open_session
from facedge.preprocessing import preprocess
from facedge.runtime.decision import STAGES
from facedge.types import Float32Array, UInt8Array

HEAD, VERIFIER = "head.onnx", "verifier.onnx"
BATCH = 32  # crops an inference: bounds the memory of a long list without costing speed


class Embedder:
    """The backbone of a bundle. Can be pickled: the copy carries the bundle's bytes.

    Args:
        bundle: from read_bundle
        threads: CPU threads of preprocessing and inference
        precision: "fp32" or "int8"; None takes the one the bundle's threshold was measured on

    Raises:
        BundleError: when the graph does not keep the bundle's contract
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1, precision: str | None = None) -> None:
        """Load the backbone from the bundle's checked bytes."""
        self.bundle = bundle
        self.spec = bundle.manifest.preprocess_spec()
        self.embedding_size = bundle.manifest.embedding_size
        self.attribute_names = bundle.manifest.attribute_names
        self.threads = threads
        self.precision = precision or bundle.manifest.precision
        self._session = open_backbone(bundle, self.precision, threads=threads)

    def embed(self, crops: UInt8Array) -> Float32Array:
        """Aligned uint8 (N, H, W, 3) RGB or (N, H, W) grey in CelebA geometry -> float32 (N, D), L2-normalised."""
        return self.embed_with_attributes(crops)[0]

    def attributes(self, crops: UInt8Array) -> Float32Array:
        """Aligned uint8 (N, H, W, 3) RGB or (N, H, W) grey in CelebA geometry -> float32 (N, A), probabilities."""
        return self.embed_with_attributes(crops)[1]

    def embed_with_attributes(self, crops: UInt8Array) -> tuple[Float32Array, Float32Array]:
        """Both at the price of one: aligned crops -> embeddings (N, D), attribute probabilities (N, A), in batches."""
        checked = check_crops(crops)
        embeddings = np.empty((len(checked), self.embedding_size), np.float32)
        attributes = np.empty((len(checked), len(self.attribute_names)), np.float32)
        for start in range(0, len(checked), BATCH):
            rows = slice(start, start + BATCH)
            embeddings[rows], attributes[rows] = self.infer(self.prepare(checked[rows]))
        return embeddings, attributes

    def prepare(self, crops: UInt8Array) -> Float32Array:
        """Aligned crops -> the network's input, float32 (N, 1, S, S)."""
        return np.asarray(preprocess(check_crops(crops), self.spec, threads=self.threads), np.float32)

    def infer(self, images: Float32Array) -> tuple[Float32Array, Float32Array]:
        """Network input float32 (N, 1, S, S) -> embedding (N, D), attribute probabilities (N, A)."""
        embedding, attributes = self._session.run(["embedding", "attributes"], {"image": images})
        return embedding, attributes

    def __reduce__(self) -> tuple[Any, ...]:
        """Sessions cannot be pickled; the copy opens its own."""
        return _reopen, (self.bundle, self.threads, self.precision)


@dataclass(frozen=True)
class FaceEmbedding:
    """The face of one photo, embedded.

    Attributes:
        located: the crop, and where it is in the photo
        embedding: float32 (D,), None exactly where there is a `reason`
        attributes: probability by name, empty like `embedding`
        reason: that of the crop; low_quality also for a crop that is almost flat
        ms: milliseconds by stage, all of decision.STAGES
    """

    located: FaceCrop
    embedding: Float32Array | None
    attributes: dict[str, float]
    reason: CropReason | None
    ms: dict[str, float]


def embed_photo(
    embedder: Embedder, photo: Photo, options: FaceOptions = LARGEST_FACE, *, aligned: bool | None = None
) -> FaceEmbedding:
    """Find the face in a photo and embed it; photo, options, aligned and errors as in facedge.faces.crop.find_crop."""
    return embed_crop(embedder, find_crop(photo, options, aligned=aligned))


def embed_crop(embedder: Embedder, found: FaceCrop) -> FaceEmbedding:
    """Embed a face that was found already, or pass on the reason why there is none."""
    ms = dict.fromkeys(STAGES, 0.0) | dict(found.ms)
    if found.crop is None:
        return FaceEmbedding(found, None, {}, found.reason, ms)
    clock = perf_counter()
    tensor = embedder.prepare(found.crop[None])
    ms["preprocess"] = since(clock)
    if too_poor(tensor):
        return FaceEmbedding(found, None, {}, "low_quality", ms)
    clock = perf_counter()
    embedding, attributes = embedder.infer(tensor)
    ms["infer"] = since(clock)
    if not np.isfinite(embedding).all() or not np.isfinite(attributes).all():
        return FaceEmbedding(found, None, {}, "low_quality", ms)
    named = dict(zip(embedder.attribute_names, (float(p) for p in attributes[0]), strict=True))
    return FaceEmbedding(found, embedding[0], named, None, ms)


def check_crops(crops: Any) -> UInt8Array:
    """InputError unless `crops` is a uint8 batch (N, H, W, 3) or (N, H, W) with N >= 1."""
    expected = "crops: expected a uint8 batch (N, H, W, 3) of RGB or (N, H, W) of grey images"
    try:
        array = np.asarray(crops)
    except ValueError as problem:  # images of different sizes
        raise InputError(f"{expected}, got no array ({problem}): bring all images to one size") from problem
    batch = (array.ndim == 4 and array.shape[3] == 3) or (array.ndim == 3 and array.shape[2] != 3)
    if array.dtype != np.uint8 or not batch or 0 in array.shape:
        raise InputError(
            f"{expected}, got {array.dtype} {array.shape}: put single images into a batch with image[None]"
        )
    return array


def open_backbone(bundle: Bundle, precision: str, *, threads: int = 1) -> Any:
    """A session: image float32 (N, 1, S, S) -> embedding (N, D), attributes (N, A). BundleError for another graph."""
    name = BACKBONES.get(precision, "")
    if name not in bundle.files:
        held = ", ".join(kind for kind, file in BACKBONES.items() if file in bundle.files)
        raise BundleError(f"{bundle.path.name} has no {precision} backbone; it has {held}: choose one of these")
    size = bundle.manifest.preprocess_spec().size
    return _open(bundle, name, Port("image", FLOAT, (None, 1, size, size)), _backbone_outputs(bundle), threads)


def open_head(bundle: Bundle) -> Any:
    """A session: embedding float32 (N, D) -> probability (N, 1). BundleError where the graph has another contract."""
    embedding = Port("embedding", FLOAT, (None, bundle.manifest.embedding_size))
    return _open(bundle, HEAD, embedding, [Port("probability", FLOAT, (None, 1))])


def open_verifier(bundle: Bundle, *, threads: int = 1) -> Any:
    """A session: image uint8 (N, H, W, 3) -> embedding, attributes, probability (N, 1), quality (N, 1).

    BundleError like the others.
    """
    image = Port("image", BYTES, (None, None, None, 3))
    outputs = [*_backbone_outputs(bundle), *(Port(name, FLOAT, (None, 1)) for name in ("probability", "quality"))]
    return _open(bundle, VERIFIER, image, outputs, threads)


def _backbone_outputs(bundle: Bundle) -> list[Port]:
    manifest = bundle.manifest
    return [
        Port("embedding", FLOAT, (None, manifest.embedding_size)),
        Port("attributes", FLOAT, (None, len(manifest.attribute_names))),
    ]


def _open(bundle: Bundle, name: str, source: Port, outputs: Sequence[Port], threads: int = 1) -> Any:
    """A session of one of the bundle's files, its graph inspected before and its inputs and outputs checked after."""
    inspect_graph(name, bundle.files[name])
    session = open_session(name, bundle.files[name], threads=threads)
    check_ports(name, session, [source], outputs)
    return session


def _reopen(bundle: Bundle, threads: int, precision: str) -> Embedder:
    return Embedder(bundle, threads=threads, precision=precision)
