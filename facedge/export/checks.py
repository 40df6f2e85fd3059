"""What an export has to prove before it is written: torch, the two files and verifier.onnx give the same answers."""

import numpy as np
import torch
from torch import nn

from facedge.errors import ExportError
from facedge.export import parity
from facedge.export.engine import Floats, session
from facedge.export.pictures import Bytes
from facedge.export.verifier import OUTPUTS
from facedge.preprocessing import PreprocessSpec, preprocess

SAME_FILE_TOLERANCE = 1e-5  # between verifier.onnx and the two files it was joined from


def check_backbone(data: bytes, backbone: nn.Module, images: Bytes, spec: PreprocessSpec) -> dict[str, float]:
    """Largest differences of backbone.onnx from torch on these images; ExportError over 1e-4."""

    def run(x: Floats) -> dict[str, Floats]:
        with torch.inference_mode():
            embedding, logits = backbone(torch.from_numpy(x))
        return {"embedding": embedding.numpy(), "attributes": torch.sigmoid(logits).numpy()}

    found = parity.measure(data, run, preprocess(images, spec), name="backbone.onnx")
    parity.require(found, "backbone.onnx")
    return found.max_abs_difference


def check_head(data: bytes, head: nn.Module, embeddings: Floats) -> dict[str, float]:
    """Largest difference of head.onnx from torch on these embeddings; ExportError over 1e-4."""

    def run(x: Floats) -> dict[str, Floats]:
        with torch.inference_mode():
            return {"probability": head(torch.from_numpy(x)).numpy()}

    found = parity.measure(data, run, embeddings, name="head.onnx")
    parity.require(found, "head.onnx")
    return found.max_abs_difference


def check_verifier(debug_build: bytes, backbone: bytes, head: bytes, images: Bytes, spec: PreprocessSpec) -> float:
    """Largest difference of a verifier's outputs from those of the two files; ExportError over 1e-5.

    The debug build's tensor must have the very bits of `preprocess`.
    """
    rgb = images if images.ndim == 4 else np.repeat(images[..., None], 3, axis=3)
    tensor = preprocess(rgb, spec)
    *outputs, inside = session(debug_build).run([*OUTPUTS, "tensor"], {"image": rgb})
    if not np.array_equal(inside.view(np.uint32), tensor.view(np.uint32)):
        raise ExportError("verifier.onnx preprocesses to other bits than the kernel: please report this as a bug")
    embedding, attributes = session(backbone).run(["embedding", "attributes"], {"image": tensor})
    (probability,) = session(head).run(["probability"], {"embedding": embedding})
    expected = (embedding, attributes, probability)
    worst = max(float(np.abs(a - b).max()) for a, b in zip(outputs, expected, strict=True))
    if not worst <= SAME_FILE_TOLERANCE:
        raise ExportError(
            f"verifier.onnx and its two parts disagree by {worst:.2g} (allowed: {SAME_FILE_TOLERANCE:g}): "
            "please report this as a bug"
        )
    return worst


def embed(backbone: bytes, images: Bytes, spec: PreprocessSpec) -> Floats:
    """Embeddings (N, D) of aligned images through backbone.onnx."""
    (embeddings,) = session(backbone).run(["embedding"], {"image": preprocess(images, spec)})
    return np.asarray(embeddings, np.float32)
