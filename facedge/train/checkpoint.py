"""Everything a run needs to continue to the same result: checkpoint.pt, written whole or not at all."""

import dataclasses
from pathlib import Path

import torch
from torch import nn

from facedge.errors import RunError
from facedge.train.run import CHECKPOINT, replacing
from facedge.train.schedule import MovingAverage


@dataclasses.dataclass
class Progress:
    """Where a run stands: epochs done, the batch in use, and the best validation so far."""

    batch: int
    epoch: int = 0
    best: float = -1.0
    best_epoch: int = 0
    best_accuracy: float = 0.0
    best_tar: float | None = None


def save_checkpoint(
    run: Path, learner: nn.Module, average: MovingAverage, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write checkpoint.pt atomically."""
    state = {
        "learner": learner.state_dict(),
        "average": average.module.state_dict(),
        "average_steps": average.steps,
        "optimizer": optimizer.state_dict(),
        "progress": dataclasses.asdict(progress),
    }
    with replacing(run / CHECKPOINT) as temporary:
        torch.save(state, temporary)


def load_checkpoint(
    run: Path, learner: nn.Module, average: MovingAverage, optimizer: torch.optim.Optimizer, device: torch.device
) -> Progress:
    """Restore all of it in place; RunError where there is nothing to resume or it belongs to another run."""
    path = run / CHECKPOINT
    if not path.exists():
        raise RunError(f"{run} has no {CHECKPOINT} to resume from: start without --resume")
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        learner.load_state_dict(state["learner"])
        average.module.load_state_dict(state["average"])
        average.steps = state["average_steps"]
        optimizer.load_state_dict(state["optimizer"])
        return Progress(**state["progress"])
    except Exception as problem:  # torch raises many kinds for one cause: this is not that run's checkpoint
        first = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise RunError(f"{path} cannot be resumed ({first}): delete the run folder and start again") from problem
