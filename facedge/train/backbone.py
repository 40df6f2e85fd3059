"""Training the backbone, from prepared faces to weights: the loop, top to bottom."""

import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from facedge.errors import RunError
from facedge.train import run as run_folder
from facedge.train.architectures import Mirrored, build
from facedge.train.augment import augment
from facedge.train.checkpoint import Progress, load_checkpoint, save_checkpoint
from facedge.train.config import BackboneConfig
from facedge.train.distributed import Group, bare, distribute, tell, wait_for
from facedge.train.learner import Learner
from facedge.train.samples import Samples, batches
from facedge.train.schedule import MovingAverage, learning_rate, make_optimizer
from facedge.train.validation import Scores, evaluate

SMALLEST_BATCH = 16


@dataclasses.dataclass(frozen=True)
class Tick:
    """A report after every step, for a progress bar."""

    epoch: int
    epochs: int
    step: int
    steps: int
    images_per_second: float


def train_backbone(
    run: Path,
    config: BackboneConfig,
    training: Samples,
    validation: Samples,
    *,
    device: torch.device,
    group: Group | None = None,
    resume: bool = False,
    begin_from: Path | None = None,
    backbone: nn.Module | None = None,
    say: Callable[[str], None] = lambda _: None,
    tick: Callable[[Tick], None] = lambda _: None,
) -> Scores:
    """Train into the folder `run`; returns the best validation scores, whose weights are kept.

    Each epoch ends in a checkpoint and a line of metrics, so an interrupted run continues with `resume` to the very
    result of an uninterrupted one (on a CPU, bit for bit). KeyboardInterrupt passes through once the folder holds
    usable weights. `begin_from` is a run whose weights replace the random start; `backbone` is
    a module other than the one that `config.arch` names.
    """
    group = group or Group()
    torch.manual_seed(config.seed)
    recipe, size = config.recipe, config.spec.size
    backbone = (backbone or build(config.arch, size, len(config.attribute_names))).to(device)
    if begin_from is not None:
        run_folder.load_weights(backbone, begin_from)
    backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this form
    teacher_size = training.teacher.shape[1] if training.teacher is not None else 0
    learner = Learner(backbone, config.embedding_size, training.class_count, teacher_size, recipe).to(device)
    trainer = distribute(learner, group, device)
    optimizer = make_optimizer(learner, recipe)
    average = MovingAverage(backbone, recipe.ema)
    progress = Progress(batch=recipe.batch)
    shipped: Callable[[nn.Module], nn.Module] = Mirrored if config.mirrored else lambda module: module
    if resume:
        progress = load_checkpoint(run, learner, average, optimizer, device)
        if group.leads:
            run_folder.truncate_metrics(run, progress.epoch)

    try:
        while progress.epoch < recipe.epochs:
            try:
                losses, seconds = _epoch(trainer, average, optimizer, training, config, progress, device, group, tick)
            except torch.cuda.OutOfMemoryError:
                progress = _smaller_batch(run, learner, average, optimizer, device, progress, say)
                continue
            progress.epoch += 1
            if group.leads:
                scores = evaluate(shipped(average.module), validation, size)
                _keep(run, config, average.module, progress, scores, losses, seconds, len(training), say)
                save_checkpoint(run, learner, average, optimizer, progress)
                tell(group, f"epoch {progress.epoch}")
            else:
                wait_for(group, f"epoch {progress.epoch}")
    except KeyboardInterrupt:
        if group.leads and not (run / run_folder.WEIGHTS).exists():
            run_folder.save_weights(run, average.module.state_dict())
        raise
    return Scores(progress.best_accuracy, progress.best_tar)


def _epoch(
    trainer: nn.Module,
    average: MovingAverage,
    optimizer: torch.optim.Optimizer,
    samples: Samples,
    config: BackboneConfig,
    progress: Progress,
    device: torch.device,
    group: Group,
    tick: Callable[[Tick], None],
) -> tuple[dict[str, float], float]:
    """One pass over the samples: mean losses by name, and seconds."""
    recipe, size = config.recipe, config.spec.size
    # Seeded by the epoch: the order of an epoch does not depend on whether the run was interrupted before it.
    shuffle = torch.Generator().manual_seed(config.seed * 100_003 + progress.epoch)
    views = torch.Generator(device).manual_seed(config.seed * 100_003 + progress.epoch * 1009 + group.rank)
    torch.manual_seed(config.seed * 100_003 + progress.epoch)
    steps = max(1, len(samples) // progress.batch)
    sums: dict[str, torch.Tensor] = defaultdict(lambda: torch.zeros((), device=device))
    trainer.train()
    start = time.perf_counter()
    for step, rows in enumerate(batches(len(samples), progress.batch, shuffle, group.rank, group.world)):
        rows = rows.to(device)
        for parameters in optimizer.param_groups:
            parameters["lr"] = learning_rate(progress.epoch * steps + step, recipe.epochs * steps, recipe)
        x = augment(samples.patches[rows], size, recipe.augment, views)  # (B, 1, S, S)
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.arch != "plain"):
            teacher = None if samples.teacher is None else samples.teacher[rows]
            losses = trainer(x, samples.attributes[rows], samples.classes[rows], teacher)
        optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()
        if recipe.clip:
            torch.nn.utils.clip_grad_norm_(trainer.parameters(), recipe.clip)
        optimizer.step()
        average.update(bare(trainer).backbone)  # type: ignore[arg-type]
        for name, value in losses.items():
            sums[name] += value.detach()
        rate = (step + 1) * progress.batch / (time.perf_counter() - start)
        tick(Tick(progress.epoch + 1, recipe.epochs, step + 1, steps, rate))
    means = {name: float(value) / steps for name, value in sums.items()}
    if not all(map(torch.isfinite, map(torch.tensor, means.values()))):
        raise RunError(f"the loss became {means['total']} in epoch {progress.epoch + 1}: lower --learning-rate")
    return means, time.perf_counter() - start


def _smaller_batch(
    run: Path,
    learner: Learner,
    average: MovingAverage,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
    progress: Progress,
    say: Callable[[str], None],
) -> Progress:
    """After running out of device memory: the last checkpoint, half the batch."""
    smaller = progress.batch // 2
    if smaller < SMALLEST_BATCH:
        raise RunError(
            f"out of device memory with a batch of {progress.batch}: choose a smaller --size or --arch plain"
        )
    optimizer.zero_grad(set_to_none=True)
    torch.cuda.empty_cache()
    say(f"out of device memory: going on with a batch of {smaller} instead of {progress.batch}")
    if (run / run_folder.CHECKPOINT).exists():
        progress = load_checkpoint(run, learner, average, optimizer, device)
    progress.batch = smaller
    return progress


def _keep(
    run: Path,
    config: BackboneConfig,
    module: nn.Module,
    progress: Progress,
    scores: Scores,
    losses: dict[str, float],
    seconds: float,
    images: int,
    say: Callable[[str], None],
) -> None:
    """Write the epoch's metrics, and its weights where they are the best so far."""
    better = scores.overall > progress.best
    if better:
        progress.best, progress.best_epoch = scores.overall, progress.epoch
        progress.best_accuracy, progress.best_tar = scores.attribute_accuracy, scores.tar
        run_folder.save_weights(run, module.state_dict())
    record: dict[str, Any] = {
        "epoch": progress.epoch,
        "losses": {name: round(value, 5) for name, value in losses.items()},
        "attribute_accuracy": round(scores.attribute_accuracy, 5),
        "tar_at_far_1e-3": None if scores.tar is None else round(scores.tar, 5),
        "best": better,
        "batch": progress.batch,
        "images_per_second": round(images / seconds, 1),
        "seconds": round(seconds, 2),
    }
    run_folder.append_metrics(run, record)
    tar = "" if scores.tar is None else f"  TAR at FAR 1e-3 {scores.tar:.3f}"
    say(
        f"epoch {progress.epoch}/{config.recipe.epochs}  loss {losses['total']:.4f}  "
        f"validation: attributes {scores.attribute_accuracy:.4f}{tar}  {images / seconds:.0f} images/s"
        f"{'  (best)' if better else ''}"
    )
