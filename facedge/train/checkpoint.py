"""checkpoint.pt: all that a run needs to continue to the same result, and how far it has come."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from facedge import files
from facedge.errors import RunError, first_line
from facedge.train.optimizer import MovingAverage
from facedge.train.run_folder import CHECKPOINT


@dataclass
class Progress:
    """How far a run has come: epochs done, images of the epoch in work, the batch in use, the best scores."""

    batch: int
    epoch: int = 0
    best: float = -1.0
    best_epoch: int = 0
    best_accuracy: float = 0.0
    best_tar: float | None = None
    seen: int = 0  # images of the epoch in work that are done, over all processes
    seconds: float = 0.0  # spent on them
    sums: dict[str, float] = field(default_factory=dict)  # of their losses, by name


@dataclass(frozen=True)
class State:
    """The parts of a training that a checkpoint holds, beside its progress."""

    model: nn.Module
    average: MovingAverage
    optimizer: torch.optim.Optimizer


def save(run: Path, state: State, progress: Progress) -> None:
    """Write checkpoint.pt, whole or not at all."""
    content = {
        "learner": state.model.state_dict(),
        "average": state.average.module.state_dict(),
        "average_steps": state.average.steps,
        "optimizer": state.optimizer.state_dict(),
        "progress": dataclasses.asdict(progress),
    }
    with files.replacing(run / CHECKPOINT, error=RunError) as temporary:
        torch.save(content, temporary)


def load(run: Path, state: State) -> Progress | None:
    """Restore `state` from checkpoint.pt; None where the run has none yet, RunError where it belongs to another run."""
    path = run / CHECKPOINT
    if not path.exists():
        return None
    try:
        # To the CPU first: each part copies what it needs to its own device, and counters that the optimiser reads on
        # the host stay there.
        content = torch.load(path, map_location="cpu", weights_only=True)
        state.model.load_state_dict(content["learner"])
        state.average.module.load_state_dict(content["average"])
        state.average.steps = content["average_steps"]
        state.optimizer.load_state_dict(_with_own_groups(content["optimizer"], state.optimizer))
        return Progress(**content["progress"])
    except Exception as problem:  # torch raises many kinds for a file that is not this run's checkpoint
        reason = first_line(problem)
        raise RunError(f"{path} cannot be resumed ({reason}): delete the run folder and start again") from problem


def _with_own_groups(stored: dict[str, Any], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The stored state with the options of this optimiser, which depend on torch's version, such as `fused`."""
    return {"state": stored["state"], "param_groups": optimizer.state_dict()["param_groups"]}
