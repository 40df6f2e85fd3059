"""Training of the backbone: the loop over epochs and steps, validation, checkpoints, keeping the best weights."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from facedge.errors import RunError
from facedge.train import checkpoint, run_folder
from facedge.train.architectures import Edge, at_inference, build
from facedge.train.augment import augment
from facedge.train.camera_conditions import FaceLayout
from facedge.train.checkpoint import Progress
from facedge.train.config import BackboneConfig
from facedge.train.data import MARGIN, Samples, batch_rows
from facedge.train.distributed import (
    Group,
    any_of_group,
    average_gradients,
    largest_of_group,
    mark_done,
    meet,
    share_weights,
    wait_until_done,
)
from facedge.train.embedding_fit import fit_embedding, fitted_sentence, inputs_and_targets
from facedge.train.initial_weights import load_initial_weights
from facedge.train.interrupts import stop_requests
from facedge.train.losses import BackboneWithLosses
from facedge.train.optimizer import MovingAverage, learning_rate, make_optimizer
from facedge.train.validation import Scores, evaluate
from facedge.types import Say, silent

SMALLEST_BATCH = 16
CHECKPOINT_SECONDS = 180.0  # between two checkpoints within an epoch


@dataclass(frozen=True)
class Tick:
    """Progress after an optimiser step, for a progress bar."""

    epoch: int
    epochs: int
    step: int
    steps: int
    images_per_second: float


class Trainer:
    """A backbone in training: model, losses, optimiser, moving average, data and run folder.

    A checkpoint is written at the start, every three minutes, at the end of each epoch and before ctrl-C or SIGTERM
    ends the run; from any of them a run resumes to the result of an uninterrupted one (on a CPU, bit for bit). The
    weights with the best validation scores are kept.
    `begin_from` is a run or a bundle whose weights replace the random initialisation; `backbone` is a module to train
    in place of the one that `config.arch` names. `compiled`: torch.compile joins the operators of the network and the
    losses, which takes a minute and then saves most of a GPU's time. `renew` is called with the number of each epoch
    before it, and with a function that says whether to stop early; it may change the training samples in place.
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
        compiled: bool = False,
        renew: Callable[[int, Callable[[], bool]], None] | None = None,
        say: Say = silent,
        tick: Callable[[Tick], None] = lambda _: None,
    ) -> None:
        self.run, self.config, self.recipe, self.size = run, config, config.recipe, config.spec.size
        self.training, self.validation = training, validation
        self.layout = FaceLayout.of(config.spec, MARGIN)
        self.device, self.group = device, group or Group()
        self.faces = min(len(training), config.data.images // self.group.world)  # those of --more and views follow
        self.say, self.tick, self.renew = say, tick, renew
        torch.manual_seed(config.seed)
        self.backbone = (backbone or build(config.arch, self.size, len(config.attribute_names))).to(device)
        if begin_from is not None:
            load_initial_weights(self.backbone, begin_from, training.patches, self.size)
            self._fit_initial_embedding()
        self.backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this
        classes = largest_of_group(self.group, training.class_count)  # a process has a share of the images only
        self.model = BackboneWithLosses(self.backbone, config.embedding_size, classes, self.recipe).to(device)
        share_weights(self.model, self.group)
        self.forward: Callable[..., dict[str, Tensor]] = torch.compile(self.model) if compiled else self.model
        self.optimizer = make_optimizer(self.model, self.recipe)
        self.average = MovingAverage(self.backbone, self.recipe.ema)
        self.state = checkpoint.State(self.model, self.average, self.optimizer)
        self.progress = Progress(batch=self.recipe.batch)
        self.saved = time.monotonic()

    def train(self, *, resume: bool = False) -> Scores:
        """Train to the recipe's last epoch; the best validation scores.

        resume: continue from the run's checkpoint, or from the start where there is none yet. Raises KeyboardInterrupt
        once the folder holds a checkpoint and usable weights; RunError for a checkpoint of another run, a loss that is
        not finite, and a device without memory for the smallest batch.
        """
        if resume:
            self._resume()
        with stop_requests() as stop:
            if not (resume and (self.run / run_folder.CHECKPOINT).exists()):
                self._save_checkpoint()
            while self.progress.epoch < self.recipe.epochs:
                losses = self.train_epoch(stop)
                self._finish_epoch(losses, stop)
                if stop() and self.progress.epoch < self.recipe.epochs:
                    raise KeyboardInterrupt
        return Scores(self.progress.best_accuracy, self.progress.best_tar)

    def train_epoch(self, stop: Callable[[], bool] = lambda: False) -> dict[str, float]:
        """The rest of one pass over the training samples; the mean losses of the whole pass, by name.

        Where `stop()` becomes true, KeyboardInterrupt after the step in work and a checkpoint.
        """
        progress, world = self.progress, self.group.world
        began = time.perf_counter() - progress.seconds
        self._renew(stop)
        sums: dict[str, Tensor] = {name: torch.tensor(x, device=self.device) for name, x in progress.sums.items()}
        # Seeded by the epoch, so that an epoch does not depend on whether the run was interrupted before it.
        shuffle = torch.Generator().manual_seed(self.config.seed * 100_003 + progress.epoch)
        order = torch.randperm(len(self.training), generator=shuffle).to(self.device)
        self.model.train()
        while (rows := batch_rows(order, progress.seen // world, progress.batch // world)) is not None:
            losses, stopping = self._step(rows, stop())
            if losses is None:
                self._halve_batch()
                continue
            for name, value in losses.items():
                sums[name] = sums.get(name, 0) + value * progress.batch
            progress.seen += progress.batch
            progress.seconds = time.perf_counter() - began
            self._report()
            if stopping or time.monotonic() - self.saved > CHECKPOINT_SECONDS:
                self._save_checkpoint(sums)
            if stopping:
                raise KeyboardInterrupt
        return self._means(sums)

    def _renew(self, stop: Callable[[], bool]) -> None:
        """New samples for the epoch, in all processes; KeyboardInterrupt where one of them was asked to stop."""
        if self.renew is None:
            return
        self.renew(self.progress.epoch, stop)
        meet(self.group, f"samples of epoch {self.progress.epoch}")  # one may take minutes longer than another
        _, stopping = any_of_group(self.group, False, stop())
        if stopping:
            raise KeyboardInterrupt  # the last checkpoint is of this place

    def _step(self, rows: Tensor, stopping: bool) -> tuple[dict[str, Tensor] | None, bool]:
        """One optimiser step on the samples of `rows`: (losses by name, whether a process was asked to stop).

        The losses are None where a process ran out of memory: then no process has changed its weights.
        """
        self.optimizer.zero_grad(set_to_none=True)
        losses = self._losses_and_gradients(rows)
        parameters = list(self.model.parameters())
        failed, stopping = any_of_group(self.group, losses is None, stopping)
        if failed:
            return None, stopping
        average_gradients(parameters, self.group)
        if self.recipe.clip:
            torch.nn.utils.clip_grad_norm_(parameters, self.recipe.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        self.optimizer.step()
        self.average.update(self.backbone)
        return losses, stopping

    def _losses_and_gradients(self, rows: Tensor) -> dict[str, Tensor] | None:
        """Forward and backward; None where the memory is not enough (what they held is free then)."""
        try:
            return self._forward_and_backward(rows)
        except torch.OutOfMemoryError:
            return None

    def _forward_and_backward(self, rows: Tensor) -> dict[str, Tensor]:
        samples, progress = self.training, self.progress
        # Seeded by the step and the process, so that a step does not depend on whether the run was interrupted.
        place = (self.config.seed, progress.epoch, progress.seen, self.group.rank)
        seed = int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0] >> np.uint64(1))
        torch.manual_seed(seed)  # of dropout
        views = torch.Generator(self.device).manual_seed(seed)
        x = augment(samples.patches[rows], self.layout, self.size, self.recipe.augment, views)  # (B, 1, S, S)
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.arch != "plain"):
            teacher = None if samples.teacher is None else samples.teacher[rows]
            losses = self.forward(x, samples.attributes[rows], samples.classes[rows], teacher)
        losses["total"].backward()  # type: ignore[no-untyped-call]
        return {name: value.detach() for name, value in losses.items()}

    def _learning_rate(self) -> float:
        progress = self.progress
        steps = self._steps()
        step = progress.epoch * steps + progress.seen // progress.batch
        return learning_rate(step, self.recipe.epochs * steps, self.recipe)

    def _steps(self) -> int:
        """The steps of an epoch with the batch in use."""
        return max(1, len(self.training) // (self.progress.batch // self.group.world))

    def _report(self) -> None:
        progress = self.progress
        step, rate = progress.seen // progress.batch, progress.seen / progress.seconds
        self.tick(Tick(progress.epoch + 1, self.recipe.epochs, step, self._steps(), rate))

    def _means(self, sums: dict[str, Tensor]) -> dict[str, float]:
        """Mean losses of the epoch so far; RunError where one is not finite."""
        means = {name: float(value) / self.progress.seen for name, value in sums.items()}
        if not all(map(math.isfinite, means.values())):
            raise RunError(
                f"the loss became {means['total']} in epoch {self.progress.epoch + 1}: lower --learning-rate"
            )
        return means

    def _finish_epoch(self, losses: dict[str, float], stop: Callable[[], bool]) -> None:
        """Validate in rank 0, keep the weights if they are the best so far, write metrics and checkpoint."""
        progress = self.progress
        seconds = progress.seconds
        progress.epoch, progress.seen, progress.seconds, progress.sums = progress.epoch + 1, 0, 0.0, {}
        name = f"epoch {progress.epoch}"
        if not self.group.is_main:
            wait_until_done(self.group, name, stop)
            return
        self._validate(losses, seconds)
        self._save_checkpoint()
        mark_done(self.group, name)

    def _validate(self, losses: dict[str, float], seconds: float) -> None:
        progress, module = self.progress, self.average.module
        scores = self._evaluate(module)
        best = scores.overall > progress.best
        if best:
            progress.best, progress.best_epoch = scores.overall, progress.epoch
            progress.best_accuracy, progress.best_tar = scores.attribute_accuracy, scores.tar
            run_folder.save_weights(self.run, module.state_dict())
        images = len(self.training) * self.group.world
        speed = images / seconds
        run_folder.append_metrics(
            self.run,
            {
                "epoch": progress.epoch,
                "samples": images * progress.epoch,
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

    def _fit_initial_embedding(self) -> None:
        """Fit the embedding layer to the teacher's targets in rank 0, where there are any."""
        if self.training.teacher is None or not isinstance(self.backbone, Edge):
            return
        name = "initial embedding"
        if not self.group.is_main:
            wait_until_done(self.group, name)
            return
        batches = inputs_and_targets(self.training, self.faces, self.size, self.config.seed)
        penalty, scores = fit_embedding(self.backbone, batches, lambda: self._evaluate(self.backbone))
        self.say(fitted_sentence(name, penalty, scores))
        mark_done(self.group, name)

    def _evaluate(self, module: nn.Module) -> Scores:
        return evaluate(at_inference(module, self.config.mirrored), self.validation, self.size)

    def _halve_batch(self) -> None:
        """After a process ran out of device memory: go on at the same place with half the batch, in every process."""
        batch = self.progress.batch
        least = max(SMALLEST_BATCH, 2 * self.group.world)  # batch norm needs two images in each process
        if batch // 2 < least:
            raise RunError(f"out of device memory with a batch of {batch}: choose a smaller --size or --arch plain")
        self.optimizer.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.say(f"out of device memory: going on with a batch of {batch // 2} instead of {batch}")
        self.progress.batch = batch // 2

    def _save_checkpoint(self, sums: dict[str, Tensor] | None = None) -> None:
        """Write checkpoint.pt in rank 0, and weights where the folder has none yet."""
        self.saved = time.monotonic()
        if not self.group.is_main:
            return
        if sums:
            self._means(sums)  # weights of a loss that is not finite replace no checkpoint
        self.progress.sums = {name: float(value) for name, value in (sums or {}).items()}
        checkpoint.save(self.run, self.state, self.progress)
        if sums and not (self.run / run_folder.WEIGHTS).exists():
            run_folder.save_weights(self.run, self.average.module.state_dict())

    def _resume(self) -> None:
        """Restore the checkpoint, where there is one."""
        self.progress = checkpoint.load(self.run, self.state) or self.progress
        if self.group.is_main:
            run_folder.truncate_metrics(self.run, self.progress.epoch)
