"""The backbone and its losses as one module, so that one call trains it and one wrapper distributes it."""

import torch
from torch import Tensor, nn

from facedge.train.config import Recipe
from facedge.train.losses import MarginSoftmax, TeacherLoss, attribute_loss


class Learner(nn.Module):
    """Maps a batch to its losses by name; `total` is their weighted sum."""

    def __init__(
        self, backbone: nn.Module, embedding_size: int, classes: int, teacher_size: int, recipe: Recipe
    ) -> None:
        super().__init__()
        self.backbone, self.recipe = backbone, recipe
        wants_identity = recipe.identity_weight > 0 and classes > 1
        self.identity = (
            MarginSoftmax(embedding_size, classes, recipe.identity_scale, recipe.identity_margin)
            if wants_identity
            else None
        )
        self.teacher = TeacherLoss(embedding_size, teacher_size, recipe.teacher_relation) if teacher_size else None

    def forward(self, x: Tensor, attributes: Tensor, classes: Tensor, teacher: Tensor | None) -> dict[str, Tensor]:
        embedding, logits = self.backbone(x)
        with torch.autocast(x.device.type, enabled=False):  # cosines and cross-entropies want float32
            return self._losses(embedding, logits, attributes, classes, teacher)

    def _losses(
        self, embedding: Tensor, logits: Tensor, attributes: Tensor, classes: Tensor, teacher: Tensor | None
    ) -> dict[str, Tensor]:
        losses = {"attributes": attribute_loss(logits, attributes, self.recipe.smoothing)}
        total = self.recipe.attribute_weight * losses["attributes"]
        if self.identity is not None:
            losses["identity"] = self.identity(embedding, classes)
            total = total + self.recipe.identity_weight * losses["identity"]
        if self.teacher is not None and teacher is not None:
            losses["teacher"] = self.teacher(embedding, teacher)
            total = total + self.recipe.teacher_weight * losses["teacher"]
        return {"total": total, **losses}
