"""Parity: torch, the exported files and verifier.onnx give the same outputs on the same images, or export fails."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import nn

from facedge.dataset.prepared import Faces
from facedge.errors import ExportError
from facedge.export.held_out import evenly_spread
from facedge.export.verifier_graph import OUTPUTS
from facedge.faces.quality import input_contrast
from facedge.onnx_session import open_session
from facedge.preprocessing import PreprocessSpec, preprocess
from facedge.runtime.golden import relative_difference
from facedge.types import AnyArray, BoolArray, Float32Array, Int64Array, UInt8Array

TOLERANCE = 1e-4  # absolute, between torch and onnxruntime
SAME_FILE_TOLERANCE = 1e-5  # between verifier.onnx and the two files it was joined from
BATCHES = (1, 2, 7)
THREADS = (1, 2)
MOST_IMAGES = 64
DRAWN_IMAGES = 16
TRAIN_AGAIN = "train again, or report this as a bug with the run's config.json"

TorchRun: TypeAlias = Callable[[Float32Array], dict[str, Float32Array]]


@dataclass(frozen=True)
class Parity:
    """Largest absolute difference of each output between two engines, and the number of inputs compared."""

    max_abs_difference: dict[str, float]
    inputs: int

    @property
    def worst(self) -> float:
        """The largest difference over all outputs."""
        return max(self.max_abs_difference.values())


def check_backbone(data: bytes, backbone: nn.Module, images: UInt8Array, spec: PreprocessSpec) -> dict[str, float]:
    """Largest differences of backbone.onnx from torch on aligned images (N, H, W[, 3]); ExportError over 1e-4."""

    def run(x: Float32Array) -> dict[str, Float32Array]:
        with torch.inference_mode():
            embedding, logits = backbone(torch.from_numpy(x))
        return {"embedding": embedding.numpy(), "attributes": torch.sigmoid(logits).numpy()}

    found = measure(data, run, preprocess(images, spec), name="backbone.onnx")
    require(found, "backbone.onnx")
    return found.max_abs_difference


def check_head(data: bytes, head: nn.Module, embeddings: Float32Array) -> dict[str, float]:
    """Largest difference of head.onnx from torch on embeddings (N, D); ExportError over 1e-4."""

    def run(x: Float32Array) -> dict[str, Float32Array]:
        with torch.inference_mode():
            return {"probability": head(torch.from_numpy(x)).numpy()}

    found = measure(data, run, embeddings, name="head.onnx")
    require(found, "head.onnx")
    return found.max_abs_difference


def check_verifier(debug_build: bytes, backbone: bytes, head: bytes, images: UInt8Array, spec: PreprocessSpec) -> float:
    """Largest difference of a verifier's outputs from those of its two parts; ExportError over 1e-5.

    backbone: the float32 or int8 file it was joined from.
    debug_build: of `verifier_onnx(debug=True)`; its tensor must have the same bits as `preprocess`.
    """
    rgb = images if images.ndim == 4 else np.repeat(images[..., None], 3, axis=3)
    tensor = preprocess(rgb, spec)
    *outputs, inside = _session("verifier.onnx", debug_build).run([*OUTPUTS, "tensor"], {"image": rgb})
    if not np.array_equal(inside.view(np.uint32), tensor.view(np.uint32)):
        raise ExportError("verifier.onnx preprocesses to other bits than the kernel: please report this as a bug")
    embedding, attributes = _session("backbone.onnx", backbone).run(["embedding", "attributes"], {"image": tensor})
    (probability,) = _session("head.onnx", head).run(["probability"], {"embedding": embedding})
    contrast = np.array([[input_contrast(one)] for one in tensor], np.float32)
    expected = (embedding, attributes, probability, contrast)
    worst = float(np.max([relative_difference(a, b) for a, b in zip(outputs, expected, strict=True)]))  # NaN stays
    if not worst <= SAME_FILE_TOLERANCE:
        raise ExportError(
            f"verifier.onnx and its two parts disagree by {worst:.2g} (allowed: {SAME_FILE_TOLERANCE:g}): "
            "please report this as a bug"
        )
    return worst


def measure(onnx_bytes: bytes, run: TorchRun, inputs: AnyArray, *, name: str) -> Parity:
    """Compare a file's outputs with those of `run` on `inputs` (N, ...), in batches of 1, 2 and 7, on 1 and 2 threads.

    `run` maps a batch to {output name: float32 (n, k)}; the file's one input takes the same batch. Every batch size
    covers all the images. Raises ExportError when N < 7 or an output is missing or has another shape.
    """
    if len(inputs) < max(BATCHES):
        raise ExportError(f"parity of {name} needs at least {max(BATCHES)} images, but {len(inputs)} came")
    expected = run(inputs)
    worst = dict.fromkeys(expected, 0.0)
    for threads in THREADS:
        session = _session(name, onnx_bytes, threads)
        for start, stop in _slices(len(inputs)):
            values = session.run(list(expected), {session.get_inputs()[0].name: inputs[start:stop]})
            for output, value in zip(expected, values, strict=True):
                difference = _difference(value, expected[output][start:stop], name, output)
                worst[output] = float(np.maximum(worst[output], difference))  # NaN stays, unlike with max
    return Parity(worst, len(inputs))


def require(parity: Parity, name: str, other: str = "torch", remedy: str = TRAIN_AGAIN) -> None:
    """Raise ExportError if a difference from `other` is over the tolerance, or NaN."""
    over = {output: d for output, d in parity.max_abs_difference.items() if not d <= TOLERANCE}
    if over:
        listed = ", ".join(f"{output} by {d:.2g}" for output, d in over.items())
        raise ExportError(
            f"{name} and {other} disagree: {listed} (allowed: {TOLERANCE:g}, {parity.inputs} images): no bundle "
            f"was written; {remedy}"
        )


def embed(backbone: bytes, images: UInt8Array, spec: PreprocessSpec) -> Float32Array:
    """Embeddings (N, D) of aligned images through backbone.onnx."""
    session = _session("backbone.onnx", backbone)
    (embeddings,) = session.run(["embedding"], {"image": preprocess(images, spec)})
    return np.asarray(embeddings, np.float32)


def parity_images(faces: Faces | None) -> tuple[UInt8Array, str]:
    """(uint8 (N, H, W) or (N, H, W, 3), their source): up to 64 evenly spread faces, else drawn ones."""
    if faces is None or not len(faces.images):
        return np.stack([drawn_face(seed) for seed in range(DRAWN_IMAGES)]), "drawn images"
    rows = evenly_spread(np.arange(len(faces.images)), MOST_IMAGES)
    return np.ascontiguousarray(faces.images[rows]), f"{faces.info['name']}"


def drawn_face(seed: int) -> UInt8Array:
    """A disc with eyes and a mouth in the 178x218 frame, uint8 (218, 178, 3), drawn in integers from `seed`."""
    r = _random_bytes(seed, 12).astype(np.int64)
    y, x = np.mgrid[0:218, 0:178].astype(np.int64)
    image = np.empty((218, 178, 3), np.int64)
    image[:] = r[0:3]
    image += (y * (r[3] % 3) // 4)[..., None]
    image[_ellipse(x, y, (88, 128), (52 + r[4] % 8, 72 + r[5] % 10))] = 90 + r[6:9] // 2
    for centre in (68, 108):
        image[_ellipse(x, y, (centre, 111), (8 + r[9] % 4, 4 + r[9] % 3))] = r[10] // 4
    image[_ellipse(x, y, (87, 152), (14 + r[11] % 8, 4 + r[3] % 4))] = (150, 40, 50)
    return np.clip(image, 0, 255).astype(np.uint8)


def _session(name: str, data: bytes, threads: int = 1) -> Any:
    return open_session(name, data, threads=threads, error=ExportError)


def _slices(count: int) -> Iterator[tuple[int, int]]:
    for batch in BATCHES:
        for start in range(0, count, batch):
            yield start, min(start + batch, count)


def _difference(value: Float32Array, expected: Float32Array, name: str, output: str) -> float:
    if value.shape != expected.shape:
        raise ExportError(f"{name}: output {output} has shape {value.shape}, expected {expected.shape}")
    return float(np.abs(value.astype(np.float64) - expected).max())


def _ellipse(x: Int64Array, y: Int64Array, centre: tuple[int, int], radii: tuple[np.int64, np.int64]) -> BoolArray:
    rx, ry = radii
    return np.asarray((x - centre[0]) ** 2 * ry * ry + (y - centre[1]) ** 2 * rx * rx <= rx * rx * ry * ry)


def _random_bytes(seed: int, count: int) -> UInt8Array:
    """Bytes of splitmix64 (Steele, Lea and Flood 2014), which every language can reproduce."""
    with np.errstate(over="ignore"):
        z = (np.arange(1, count + 1, dtype=np.uint64) + np.uint64(seed * 1_000_003)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) & np.uint64(255)).astype(np.uint8)
