"""The run folder of a training: config.json, metrics.jsonl, weights.safetensors, checkpoint.pt, curves.png."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from facedge import files
from facedge.errors import RunError
from facedge.preprocessing import preprocess
from facedge.train.architectures import at_inference, build
from facedge.train.config import BackboneConfig, HeadConfig
from facedge.types import Float32Array, UInt8Array

FITTED = "fitted_attribute_accuracy"  # key of the last metrics, once the last layers are fitted
CONFIG, METRICS, WEIGHTS, CHECKPOINT = "config.json", "metrics.jsonl", "weights.safetensors", "checkpoint.pt"
CURVES = "curves.png"
LOCK = "train.lock"  # exists while a training writes the folder


@contextlib.contextmanager
def writing(run: Path) -> Iterator[None]:
    """Make the folder if need be, and keep other trainings out of it while the block runs; RunError where one is in it.

    The lock ends with the process, however it ends.
    """
    files.make_folder(run, error=RunError)
    with files.locked(run / LOCK, wait=False) as had:
        if not had:
            raise RunError(f"another facedge train is writing {run}: wait for it, stop it, or choose another -o")
        for name in (CONFIG, METRICS, WEIGHTS, CHECKPOINT, CURVES):
            for left in files.leftovers(run / name):  # of a training that was killed
                left.unlink()
        try:
            yield
        finally:
            (run / LOCK).unlink(missing_ok=True)


def check_new(run: Path) -> None:
    """RunError where the folder holds something already; the lock of a training that was killed does not count."""
    if any(path.name != LOCK for path in run.iterdir()):
        resume = ", or --resume the run that is in it" if (run / CONFIG).exists() else ""
        raise RunError(f"{run} is not empty: choose another -o{resume}")


def write_config(run: Path, config: BackboneConfig | HeadConfig, **more: Any) -> None:
    """Write config.json atomically, with more keys beside the config's."""
    files.write_json(run / CONFIG, {**config.to_dict(), **more}, error=RunError)


def read_config(run: Path) -> dict[str, Any]:
    """The record in config.json; RunError where there is none."""
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
    """The config of a backbone run; RunError where config.json holds anything else."""
    record = read_config(run)
    try:
        return BackboneConfig.from_dict(record)
    except (KeyError, TypeError, ValueError) as problem:
        raise RunError(f"{run / CONFIG} is not the config of a backbone run ({problem}): train again") from None


def append_metrics(run: Path, record: dict[str, Any]) -> None:
    """Append one JSON line to metrics.jsonl; `read_metrics` drops a line that a kill or a full disk cut off."""
    with files.storage_errors(run, error=RunError), (run / METRICS).open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(record) + "\n")


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """All complete lines of metrics.jsonl, one record an epoch; an incomplete last line is dropped."""
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
    """Drop the lines of epochs after the checkpoint that training resumes from."""
    write_metrics(run, [record for record in read_metrics(run) if record["epoch"] <= epochs])


def amend_metrics(run: Path, more: dict[str, Any]) -> None:
    """Add keys to the last line of metrics.jsonl."""
    *before, last = read_metrics(run)
    write_metrics(run, [*before, {**last, **more}])


def write_metrics(run: Path, records: list[dict[str, Any]]) -> None:
    """Write metrics.jsonl atomically."""
    lines = "".join(json.dumps(record) + "\n" for record in records)
    files.write_bytes(run / METRICS, lines.encode(), error=RunError)


def epochs_left(run: Path) -> int | None:
    """The epochs that a backbone run has still to train; None where the folder holds no run."""
    if not (run / CONFIG).exists():
        return None
    return read_backbone_config(run).recipe.epochs - epochs_done(run)


def is_finished(run: Path) -> bool | None:
    """Whether a backbone run has trained all epochs and fitted its last layers; None where the folder holds no run."""
    left = epochs_left(run)
    if left is None:
        return None
    return left == 0 and (read_backbone_config(run).arch != "edge" or FITTED in read_metrics(run)[-1])


def epochs_done(run: Path) -> int:
    """The epochs that a run has finished."""
    records = read_metrics(run)
    return int(records[-1]["epoch"]) if records else 0


def save_weights(run: Path, state: dict[str, Tensor]) -> None:
    """Write weights.safetensors atomically, from the CPU."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    with files.replacing(run / WEIGHTS, error=RunError) as temporary:
        safetensors.torch.save_file(tensors, temporary)


def weights_sha256(run: Path) -> str:
    """The sha256 of weights.safetensors, which identifies a backbone."""
    try:
        return hashlib.sha256((run / WEIGHTS).read_bytes()).hexdigest()
    except FileNotFoundError:
        raise RunError(
            f"{run} has no {WEIGHTS} yet: let training write its first checkpoint, or `--resume` it"
        ) from None


def load_weights(module: nn.Module, run: Path) -> None:
    """Load the weights of a run into a module; RunError where they are missing or do not fit."""
    try:
        module.load_state_dict(safetensors.torch.load_file(run / WEIGHTS))
    except FileNotFoundError:
        raise RunError(
            f"{run} has no {WEIGHTS} yet: let training write its first checkpoint, or `--resume` it"
        ) from None
    except (OSError, RuntimeError, safetensors.SafetensorError) as problem:
        lines = str(problem).splitlines()
        detail = lines[min(1, len(lines) - 1)].strip()[
            :120
        ]  # torch's first line names the class only, the next all keys
        raise RunError(f"{run / WEIGHTS} does not fit its {CONFIG} ({detail}): restore it or train again") from None


def load_backbone(run: Path | str) -> tuple[nn.Module, BackboneConfig]:
    """The trained backbone in eval mode: float32 (N, 1, S, S) -> embedding (N, D) L2-normalised, logits (N, A)."""
    run = Path(run)
    config = read_backbone_config(run)
    module = build(config.arch, config.spec.size, len(config.attribute_names))
    load_weights(module, run)
    return at_inference(module, config.mirrored).eval(), config


def embed_faces(run: Path | str, images: UInt8Array, batch: int = 256) -> tuple[Float32Array, Float32Array]:
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


def draw_curves(run: Path) -> Path | None:
    """Draw losses and validation scores over epochs into curves.png; None where no epoch is finished."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    records = read_metrics(run)
    if not records:
        return None
    panels = _panels(records)
    figure = Figure(figsize=(4.2 * len(panels), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    epochs = [record["epoch"] for record in records]
    for axes, (title, series) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for name, values in series.items():
            axes.plot(epochs, values, label=name, linewidth=1.8)
        axes.set_title(title, fontsize=11, loc="left")
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
    path = run / CURVES
    with files.replacing(path, error=RunError) as temporary:
        figure.savefig(temporary, dpi=130, format="png")
    return path


def _panels(records: list[dict[str, Any]]) -> list[tuple[str, dict[str, list[float]]]]:
    """(title, name -> values) of each panel that this kind of run has values for."""
    last = records[-1]
    if "losses" in last:
        losses = {name: [record["losses"].get(name, 0.0) for record in records] for name in last["losses"]}
    else:
        losses = {"training": [r["loss"] for r in records], "validation": [r["validation_loss"] for r in records]}
    panels = [("Loss", losses)]
    if "attribute_accuracy" in last:
        panels.append(
            ("Validation: attributes", {"mean accuracy": [record["attribute_accuracy"] for record in records]})
        )
    if last.get("tar_at_far_1e-3") is not None:
        panels.append(("Validation: identities", {"TAR at FAR 1e-3": [r["tar_at_far_1e-3"] for r in records]}))
    return panels
