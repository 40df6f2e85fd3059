"""The backbone and the head, from torch to ONNX bytes."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, cast

import numpy as np
import onnx
import torch
from torch import nn

from facedge.bundle.head_onnx import head_onnx_bytes
from facedge.errors import ExportError, first_line

OPSET = 20  # what torch's exporter writes; onnxruntime and onnxruntime-web have run it since 1.17
MAX_BATCH = 4096


class _WithProbabilities(nn.Module):
    """The backbone with its attributes as probabilities instead of logits, as the bundle format defines them."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        embedding, logits = self.backbone(image)  # (N, D), (N, A)
        return embedding, torch.sigmoid(logits)


def backbone_onnx(backbone: nn.Module, size: int) -> bytes:
    """backbone.onnx of a module that maps float32 (N, 1, S, S) to (embedding (N, D), attribute logits (N, A)).

    In the file: `image` -> `embedding`, `attributes` (probabilities), N dynamic, batch norm folded, no external data.
    The bytes are the same for the same weights. Raises ExportError if torch cannot export the module.
    """
    module = _WithProbabilities(backbone.to("cpu", torch.float32)).eval()
    batch = torch.zeros(2, 1, size, size)  # a batch of 1 would freeze N into the graph
    try:
        with _quiet_exporter():
            program = torch.onnx.export(
                module,
                (batch,),
                dynamo=True,
                external_data=False,
                opset_version=OPSET,
                input_names=["image"],
                output_names=["embedding", "attributes"],
                dynamic_shapes=({0: torch.export.Dim("N", min=1, max=MAX_BATCH)},),
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as problem:
        raise ExportError(f"torch could not export this backbone to ONNX: {first_line(problem)}") from problem
    assert program is not None  # dynamo=True always returns the program
    model = cast(Any, program.model_proto)
    model.graph.name = "facedge_backbone"
    tidy(model)
    return cast(bytes, model.SerializeToString(deterministic=True))


def head_onnx(head: nn.Module) -> bytes:
    """head.onnx of a trained head module: its two Linear layers (D -> H, H -> 1) in the one graph all heads share."""
    layers = [layer for layer in head.modules() if isinstance(layer, nn.Linear)]
    if len(layers) != 2 or any(layer.bias is None for layer in layers):
        raise ExportError(f"a head must have two Linear layers with biases, not {len(layers)}: train it with facedge")
    arrays = [p.detach().cpu().float().numpy() for layer in layers for p in (layer.weight, layer.bias)]
    return head_onnx_bytes(*arrays)


def template_head_onnx(embedding_size: int, hidden: int = 40) -> bytes:
    """The head of a bundle in which nobody is enrolled: it gives probability 0 for every embedding (fails closed)."""
    w1, b1 = np.zeros((hidden, embedding_size), np.float32), np.zeros(hidden, np.float32)
    w2, b2 = np.zeros((1, hidden), np.float32), np.full(1, -200.0, np.float32)  # float32 sigmoid(-200) is 0
    return head_onnx_bytes(w1, b1, w2, b2)


def tidy(model: onnx.ModelProto) -> None:
    """Drop the exporter's notes (module paths, stack traces, intermediate shapes) and name facedge as producer."""
    model.ClearField("doc_string")
    model.producer_name = "facedge"
    model.ClearField("producer_version")
    graph = model.graph
    graph.ClearField("value_info")
    graph.ClearField("metadata_props")
    for part in [*graph.node, *graph.input, *graph.output, *graph.initializer]:
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Hide the exporter's warnings about torchvision and its own deprecations, which no user can act on."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
