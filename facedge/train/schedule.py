"""The optimiser, the learning rate over time, and the moving average of the weights."""

import copy
import math

import torch
from torch import nn

from facedge.train.config import Recipe


def make_optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """RMSprop for the original recipe, AdamW otherwise; biases and norms do not decay."""
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
    """Linear warm-up, then half a cosine down to 1 % of the peak; constant where the recipe says so."""
    if not recipe.cosine:
        return recipe.learning_rate
    warm = max(1, round(steps * recipe.warmup))
    if step < warm:
        return recipe.learning_rate * (step + 1) / warm
    progress = (step - warm) / max(1, steps - warm)
    return recipe.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


class MovingAverage:
    """An exponential moving average of a module's weights; batch-norm statistics are copied.

    The decay grows with the steps taken, so that the first epochs are not averaged with the random start.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Take one step towards the module's present weights."""
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10)) if self.decay else 0.0
        for weight, latest in zip(self.module.parameters(), module.parameters(), strict=True):
            weight.lerp_(latest.to(weight.dtype), 1 - decay)
        for statistic, latest_statistic in zip(self.module.buffers(), module.buffers(), strict=True):
            statistic.copy_(latest_statistic)
