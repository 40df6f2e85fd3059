"""The run folder: config.json, metrics.jsonl, weights.safetensors, checkpoint.pt, curves.png."""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facedge.errors import RunError
from facedge.preprocessing import preprocess
from facedge.train.architectures import Mirrored, build
from facedge.train.config import BackboneConfig, HeadConfig
from facedge.train.face_head import FaceHead

CONFIG, METRICS, WEIGHTS, CHECKPOINT = "config.json", "metrics.jsonl", "weights.safetensors", "checkpoint.pt"


LEAST_FREE = 1 << 20  # bytes; torch does not say why its writing failed


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary sibling that takes the place of `path` when the block ends well, and vanishes when it does not."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except Exception as problem:  # each writer has its own exception for a full disk
        if "No space left" in str(problem) or shutil.disk_usage(path.parent).free < LEAST_FREE:
            raise RunError(
                f"the disk of {path.parent} is full: free some space; what was there before {path.name} is untouched"
            ) from problem
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_config(run: Path, config: BackboneConfig | HeadConfig) -> None:
    """Write config.json atomically."""
    with replacing(run / CONFIG) as temporary:
        temporary.write_text(json.dumps(config.to_dict(), indent=2) + "\n", encoding="utf-8")


def read_config(run: Path) -> dict[str, Any]:
    """The raw record of config.json; RunError where there is none."""
    try:
        record = json.loads((run / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{run} has no {CONFIG}: pass a folder that `facedge train` wrote") from None
    except (OSError, ValueError) as problem:
        raise RunError(f"{run / CONFIG} cannot be read ({problem}): restore it or train again") from None
    if not isinstance(record, dict):
        raise RunError(f"{run / CONFIG} holds no JSON object: restore it or train again")
    return record


def read_backbone_config(run: Path) -> BackboneConfig:
    """The config of a backbone run; RunError where it is something else or of another preprocessing spec."""
    record = read_config(run)
    try:
        return BackboneConfig.from_dict(record)
    except (KeyError, TypeError, ValueError) as problem:
        raise RunError(f"{run / CONFIG} is not the config of a backbone run ({problem}): train again") from None


def append_metrics(run: Path, record: dict[str, Any]) -> None:
    """One JSON line; a line is written whole or, on a full disk, not at all that a reader would see."""
    with (run / METRICS).open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(record) + "\n")


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """All complete lines of metrics.jsonl; a last line cut off by a kill is dropped."""
    try:
        lines = (run / METRICS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(json.loads(line))
        except ValueError:
            if number < len(lines):
                raise RunError(f"{run / METRICS}, line {number}, is not JSON: restore it or train again") from None
    return records


def truncate_metrics(run: Path, epochs: int) -> None:
    """Forget lines of epochs after the checkpoint that training resumes from."""
    kept = [record for record in read_metrics(run) if record["epoch"] <= epochs]
    with replacing(run / METRICS) as temporary:
        temporary.write_text("".join(json.dumps(record) + "\n" for record in kept), encoding="utf-8")


def save_weights(run: Path, state: dict[str, Tensor]) -> None:
    """Write weights.safetensors atomically, float32 on the CPU."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    with replacing(run / WEIGHTS) as temporary:
        safetensors.torch.save_file(tensors, temporary)


def weights_sha256(run: Path) -> str:
    """The sha256 of weights.safetensors: names a backbone."""
    try:
        return hashlib.sha256((run / WEIGHTS).read_bytes()).hexdigest()
    except FileNotFoundError:
        raise RunError(f"{run} has no {WEIGHTS} yet: let training finish its first epoch, or `--resume` it") from None


def load_weights(module: nn.Module, run: Path) -> None:
    """Fill a module with the weights of a run; RunError where they are missing or do not fit."""
    try:
        module.load_state_dict(safetensors.torch.load_file(run / WEIGHTS))
    except FileNotFoundError:
        raise RunError(f"{run} has no {WEIGHTS} yet: let training finish its first epoch, or `--resume` it") from None
    except (OSError, RuntimeError, safetensors.SafetensorError) as problem:
        lines = str(problem).splitlines()
        detail = lines[min(1, len(lines) - 1)].strip()  # torch's first line names the class only
        raise RunError(f"{run / WEIGHTS} does not fit its {CONFIG} ({detail}): restore it or train again") from None


def load_backbone(run: Path | str) -> tuple[nn.Module, BackboneConfig]:
    """The trained backbone in eval mode: float32 (N, 1, S, S) -> embedding (N, D) L2-normalised, logits (N, A)."""
    run = Path(run)
    config = read_backbone_config(run)
    module = build(config.arch, config.spec.size, len(config.attribute_names))
    load_weights(module, run)
    return (Mirrored(module) if config.mirrored else module).eval(), config


def load_head(run: Path | str) -> tuple[FaceHead, HeadConfig]:
    """The trained face head in eval mode: embedding (N, D) -> probability (N, 1)."""
    run = Path(run)
    record = read_config(run)
    try:
        config = HeadConfig.from_dict(record)
    except (KeyError, TypeError, ValueError) as problem:
        raise RunError(f"{run / CONFIG} is not the config of a head run ({problem}): train again") from None
    head = FaceHead(config.embedding_size, config.hidden, config.dropout)
    load_weights(head, run)
    return head.eval(), config


def embed_faces(
    run: Path | str, images: NDArray[np.uint8], batch: int = 256
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Embeddings (N, D) and attribute probabilities (N, A), float32, of aligned faces (N, H, W[, 3]) uint8."""
    module, config = load_backbone(run)
    embeddings, probabilities = [], []
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            tensor = torch.from_numpy(preprocess(np.ascontiguousarray(images[start : start + batch]), config.spec))
            embedding, logits = module(tensor)
            embeddings.append(embedding.numpy())
            probabilities.append(torch.sigmoid(logits).numpy())
    return np.concatenate(embeddings), np.concatenate(probabilities)
