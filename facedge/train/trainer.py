"""Training of the backbone: epoch loop, optimiser, learning-rate schedule, checkpoints, keeping the best weights."""

import copy
import dataclasses
import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from facedge import files
from facedge.errors import RunError
from facedge.train import run_folder
from facedge.train.architectures import Mirrored, build
from facedge.train.augment import augment
from facedge.train.camera_conditions import FaceLayout
from facedge.train.config import BackboneConfig, Recipe
from facedge.train.data import MARGIN, Samples, batches
from facedge.train.distributed import Group, distribute, mark_done, wait_until_done
from facedge.train.initial_weights import load_initial_weights
from facedge.train.losses import BackboneWithLosses
from facedge.train.validation import Scores, evaluate
from facedge.types import Say, silent

SMALLEST_BATCH = 16


@dataclass(frozen=True)
class Tick:
    """Progress after an optimiser step, for a progress bar."""

    epoch: int
    epochs: int
    step: int
    steps: int
    images_per_second: float


@dataclass
class Progress:
    """What a checkpoint records of a run: epochs done, the batch in use, and the best validation scores."""

    batch: int
    epoch: int = 0
    best: float = -1.0
    best_epoch: int = 0
    best_accuracy: float = 0.0
    best_tar: float | None = None


class Trainer:
    """A backbone in training: model, losses, optimiser, moving average, data and run folder.

    Each epoch ends in a checkpoint and a line of metrics, so that an interrupted run resumes to the result of an
    uninterrupted one (on a CPU, bit for bit). The weights with the best validation scores are kept.
    `begin_from` is a run or a bundle whose weights replace the random initialisation; `backbone` is a module to train
    in place of the one that `config.arch` names.
    """

    def __init__(
        self,
        run: Path,
        config: BackboneConfig,
        training: Samples,
        validation: Samples,
        *,
        device: torch.device,
        group: Group | None = None,
        begin_from: Path | None = None,
        backbone: nn.Module | None = None,
        say: Say = silent,
        tick: Callable[[Tick], None] = lambda _: None,
    ) -> None:
        self.run, self.config, self.recipe, self.size = run, config, config.recipe, config.spec.size
        self.training, self.validation = training, validation
        self.layout = FaceLayout.of(config.spec, MARGIN)
        self.device, self.group = device, group or Group()
        self.say, self.tick = say, tick
        torch.manual_seed(config.seed)
        self.backbone = (backbone or build(config.arch, self.size, len(config.attribute_names))).to(device)
        if begin_from is not None:
            load_initial_weights(self.backbone, begin_from, training.patches, self.size)
        self.backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this
        teacher_size = training.teacher.shape[1] if training.teacher is not None else 0
        self.model = BackboneWithLosses(
            self.backbone, config.embedding_size, training.class_count, teacher_size, self.recipe
        ).to(device)
        self.distributed = distribute(self.model, self.group, device)
        self.optimizer = make_optimizer(self.model, self.recipe)
        self.average = MovingAverage(self.backbone, self.recipe.ema)
        self.progress = Progress(batch=self.recipe.batch)

    def train(self, *, resume: bool = False) -> Scores:
        """Train to the recipe's last epoch; the best validation scores.

        resume: continue from the run's checkpoint. KeyboardInterrupt passes through once the folder holds usable
        weights. Raises RunError for a checkpoint of another run, a loss that is not finite, and a device without
        memory for the smallest batch.
        """
        if resume:
            self.load_checkpoint()
            if self.group.is_main:
                run_folder.truncate_metrics(self.run, self.progress.epoch)
        try:
            while self.progress.epoch < self.recipe.epochs:
                try:
                    losses, seconds = self.train_epoch()
                except torch.cuda.OutOfMemoryError:
                    self._halve_batch()
                    continue
                self.progress.epoch += 1
                if self.group.is_main:
                    self._finish_epoch(losses, seconds)
                    mark_done(self.group, f"epoch {self.progress.epoch}")
                else:
                    wait_until_done(self.group, f"epoch {self.progress.epoch}")
        except KeyboardInterrupt:
            if self.group.is_main and not (self.run / run_folder.WEIGHTS).exists():
                run_folder.save_weights(self.run, self.average.module.state_dict())
            raise
        return Scores(self.progress.best_accuracy, self.progress.best_tar)

    def train_epoch(self) -> tuple[dict[str, float], float]:
        """One pass over the training samples: mean losses by name, and seconds."""
        recipe, epoch, batch = self.recipe, self.progress.epoch, self.progress.batch
        # Seeded by the epoch, so that an epoch does not depend on whether the run was interrupted before it.
        seed = self.config.seed * 100_003 + epoch
        shuffle = torch.Generator().manual_seed(seed)
        views = torch.Generator(self.device).manual_seed(
            self.config.seed * 100_003 + epoch * 1009 + self.group.rank  # each process augments differently
        )
        torch.manual_seed(seed)
        steps = max(1, len(self.training) // batch)
        sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=self.device))
        self.distributed.train()
        start = time.perf_counter()
        rows_of_batches = batches(len(self.training), batch, shuffle, self.group.rank, self.group.world)
        for step, rows in enumerate(rows_of_batches):
            for parameters in self.optimizer.param_groups:
                parameters["lr"] = learning_rate(epoch * steps + step, recipe.epochs * steps, recipe)
            for name, value in self._step(rows.to(self.device), views).items():
                sums[name] += value.detach()
            rate = (step + 1) * batch / (time.perf_counter() - start)
            self.tick(Tick(epoch + 1, recipe.epochs, step + 1, steps, rate))
        means = {name: float(value) / steps for name, value in sums.items()}
        if not all(map(math.isfinite, means.values())):
            raise RunError(f"the loss became {means['total']} in epoch {epoch + 1}: lower --learning-rate")
        return means, time.perf_counter() - start

    def _step(self, rows: Tensor, views: torch.Generator) -> dict[str, Tensor]:
        """One optimiser step on the samples of `rows`, augmented; the losses by name."""
        samples = self.training
        x = augment(samples.patches[rows], self.layout, self.size, self.recipe.augment, views)  # (B, 1, S, S)
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.arch != "plain"):
            teacher = None if samples.teacher is None else samples.teacher[rows]
            losses: dict[str, Tensor] = self.distributed(x, samples.attributes[rows], samples.classes[rows], teacher)
        self.optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()  # type: ignore[no-untyped-call]
        if self.recipe.clip:
            torch.nn.utils.clip_grad_norm_(self.distributed.parameters(), self.recipe.clip)
        self.optimizer.step()
        self.average.update(self.backbone)
        return losses

    def _finish_epoch(self, losses: dict[str, float], seconds: float) -> None:
        """Validate, keep the weights if they are the best so far, write metrics and checkpoint."""
        progress, module = self.progress, self.average.module
        scores = evaluate(Mirrored(module) if self.config.mirrored else module, self.validation, self.size)
        best = scores.overall > progress.best
        if best:
            progress.best, progress.best_epoch = scores.overall, progress.epoch
            progress.best_accuracy, progress.best_tar = scores.attribute_accuracy, scores.tar
            run_folder.save_weights(self.run, module.state_dict())
        speed = len(self.training) / seconds
        run_folder.append_metrics(
            self.run,
            {
                "epoch": progress.epoch,
                "losses": {name: round(value, 5) for name, value in losses.items()},
                "attribute_accuracy": round(scores.attribute_accuracy, 5),
                "tar_at_far_1e-3": None if scores.tar is None else round(scores.tar, 5),
                "best": best,
                "batch": progress.batch,
                "images_per_second": round(speed, 1),
                "seconds": round(seconds, 2),
            },
        )
        tar = "" if scores.tar is None else f"  TAR at FAR 1e-3 {scores.tar:.3f}"
        self.say(
            f"epoch {progress.epoch}/{self.recipe.epochs}  loss {losses['total']:.4f}  validation: attributes "
            f"{scores.attribute_accuracy:.4f}{tar}  {speed:.0f} images/s{'  (best)' if best else ''}"
        )
        self.save_checkpoint()

    def _halve_batch(self) -> None:
        """After running out of device memory: return to the last checkpoint, with half the batch."""
        batch = self.progress.batch
        if batch // 2 < SMALLEST_BATCH:
            raise RunError(f"out of device memory with a batch of {batch}: choose a smaller --size or --arch plain")
        self.optimizer.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
        self.say(f"out of device memory: going on with a batch of {batch // 2} instead of {batch}")
        if (self.run / run_folder.CHECKPOINT).exists():
            self.load_checkpoint()
        self.progress.batch = batch // 2

    def save_checkpoint(self) -> None:
        """Write checkpoint.pt atomically: all that a run needs to continue to the same result."""
        state = {
            "learner": self.model.state_dict(),
            "average": self.average.module.state_dict(),
            "average_steps": self.average.steps,
            "optimizer": self.optimizer.state_dict(),
            "progress": dataclasses.asdict(self.progress),
        }
        with files.replacing(self.run / run_folder.CHECKPOINT, error=RunError) as temporary:
            torch.save(state, temporary)

    def load_checkpoint(self) -> None:
        """Restore the state of checkpoint.pt; RunError where there is none or it belongs to another run."""
        path = self.run / run_folder.CHECKPOINT
        if not path.exists():
            raise RunError(f"{self.run} has no {path.name} to resume from: delete the folder and start again")
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            self.model.load_state_dict(state["learner"])
            self.average.module.load_state_dict(state["average"])
            self.average.steps = state["average_steps"]
            self.optimizer.load_state_dict(state["optimizer"])
            self.progress = Progress(**state["progress"])
        except Exception as problem:  # torch raises many kinds for a file that is not this run's checkpoint
            first = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
            raise RunError(f"{path} cannot be resumed ({first}): delete the run folder and start again") from problem


def make_optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """RMSprop for the original recipe, AdamW otherwise, without weight decay of biases and norms."""
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop(module.parameters(), lr=recipe.learning_rate, alpha=0.9)
    matrices = [p for p in module.parameters() if p.ndim > 1]
    vectors = [p for p in module.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate)


def learning_rate(step: int, steps: int, recipe: Recipe) -> float:
    """The learning-rate schedule: linear warm-up, then half a cosine down to 1 % of the peak; or constant."""
    if not recipe.cosine:
        return recipe.learning_rate
    warm = max(1, round(steps * recipe.warmup))
    if step < warm:
        return recipe.learning_rate * (step + 1) / warm
    progress = (step - warm) / max(1, steps - warm)
    return recipe.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


class MovingAverage:
    """An exponential moving average (EMA) of a module's weights; batch-norm statistics are copied.

    The decay grows with the steps taken, so that the first epochs are not averaged with the random initialisation.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Average in the module's present weights."""
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10)) if self.decay else 0.0
        for weight, latest in zip(self.module.parameters(), module.parameters(), strict=True):
            weight.lerp_(latest.to(weight.dtype), 1 - decay)
        for statistic, latest_statistic in zip(self.module.buffers(), module.buffers(), strict=True):
            statistic.copy_(latest_statistic)
