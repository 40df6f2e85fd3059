"""What changes the weights: the optimiser, the learning-rate schedule, and the moving average of the weights."""

import copy
import math

import torch
from torch import Tensor, nn

from facedge.train.config import Recipe

DECAY_SHARE = 0.2  # of all steps, at the end of the "stable" schedule
LAST_RATE = 0.01  # of the peak, at the end of "stable" and "cosine"


def make_optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """RMSprop for the original recipe, AdamW otherwise, without weight decay of biases and norms.

    The fused AdamW updates all weights in one operator call for each group, and keeps its step counters beside them.
    """
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop(module.parameters(), lr=recipe.learning_rate, alpha=0.9)
    matrices = [p for p in module.parameters() if p.ndim > 1]
    vectors = [p for p in module.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


def learning_rate(step: int, steps: int, recipe: Recipe) -> float:
    """The learning rate of a step, counted from 0, of `steps` in all.

    "stable" rises linearly, stays at the peak and falls in the last fifth as 1 - sqrt (Hägele et al. 2024, "Scaling
    laws and compute-optimal training beyond fixed training durations"): until then it does not depend on `steps`, so a
    run can be made longer. "cosine" falls from the first step after warm-up, "constant" never.
    """
    if recipe.schedule == "constant":
        return recipe.learning_rate
    warm = max(1, round(steps * recipe.warmup))
    if step < warm:
        return recipe.learning_rate * (step + 1) / warm
    if recipe.schedule == "cosine":
        progress = (step - warm) / max(1, steps - warm)
        height = 0.5 * (1 + math.cos(math.pi * progress))
    else:
        decay = max(1, round(steps * DECAY_SHARE))
        height = 1 - math.sqrt(max(0.0, (step + decay - steps) / decay))
    return recipe.learning_rate * (LAST_RATE + (1 - LAST_RATE) * height)


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
        """Average in the module's present weights, in two operator calls for all of them."""
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10)) if self.decay else 0.0
        weights: list[Tensor] = list(self.module.parameters())
        torch._foreach_lerp_(weights, list(module.parameters()), 1 - decay)
        if statistics := list(self.module.buffers()):
            torch._foreach_copy_(statistics, list(module.buffers()))
