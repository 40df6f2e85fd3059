"""Losses of the backbone: attributes, identities, a teacher's embeddings, and their weighted sum."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facedge.train.config import Recipe


def attribute_loss(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Binary cross-entropy with label smoothing, mean over the known ones of (N, A) labels; 0 where none is known.

    Labels are in [0, 1], those of blends of two faces between 0 and 1, and above 1 where they are not known. Smoothing
    limits the fit to CelebA's labels, which are noisy: annotators disagree.
    """
    known = labels <= 1
    target = labels.clamp(max=1).float() * (1 - 2 * smoothing) + smoothing
    each = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    return (each * known).sum() / known.sum().clamp(min=1)


class MarginSoftmax(nn.Module):
    """CosFace (Wang et al. 2018): softmax over scaled cosines to one direction per identity, with a margin.

    logit = scale * (cosine - margin for the sample's own class). Samples of class -1 (an unknown identity, or one with
    too few images) are left out.
    """

    def __init__(self, embedding_size: int, classes: int, scale: float, margin: float) -> None:
        super().__init__()
        self.directions = nn.Parameter(torch.randn(classes, embedding_size))
        self.scale, self.margin = scale, margin

    def forward(self, embedding: Tensor, classes: Tensor) -> Tensor:
        known = classes >= 0
        cosine = embedding @ F.normalize(self.directions).T  # (N, classes)
        margin = torch.zeros_like(cosine).scatter_(1, classes.clamp(min=0)[:, None], self.margin)
        losses = F.cross_entropy(self.scale * (cosine - margin), classes, ignore_index=-1, reduction="sum")
        return losses / known.sum().clamp(min=1)  # without a selection, whose size a GPU would have to report


def teacher_loss(embedding: Tensor, target: Tensor, relation: float) -> Tensor:
    """Knowledge distillation: distance of each embedding to the teacher's, and of their pairwise similarities.

    Both are (N, D), L2-normalised. The second term, of weight `relation`, is relational distillation (Park et al. 2019,
    with cosines for distances).
    """
    direction = (1 - (embedding * target).sum(1)).mean()
    if not relation:
        return direction
    difference = embedding @ embedding.T - target @ target.T
    return direction + relation * difference.square().mean()


class BackboneWithLosses(nn.Module):
    """Maps a batch to its losses by name; `total` is their weighted sum.

    One module, so that one wrapper distributes it and one state dict holds the losses' own parameters too.
    """

    def __init__(self, backbone: nn.Module, embedding_size: int, classes: int, recipe: Recipe) -> None:
        super().__init__()
        self.backbone, self.recipe = backbone, recipe
        self.identity = (
            MarginSoftmax(embedding_size, classes, recipe.identity_scale, recipe.identity_margin)
            if recipe.identity_weight > 0 and classes > 1
            else None
        )

    def forward(self, x: Tensor, attributes: Tensor, classes: Tensor, teacher: Tensor | None) -> dict[str, Tensor]:
        """Losses of x (N, 1, S, S), attributes (N, A), classes (N,) int64 and targets of a teacher (N, D) or None."""
        embedding, logits = self.backbone(x)
        with torch.autocast(x.device.type, enabled=False):  # cosines and cross-entropies need float32
            return self._losses(embedding, logits, attributes, classes, teacher)

    def _losses(
        self, embedding: Tensor, logits: Tensor, attributes: Tensor, classes: Tensor, teacher: Tensor | None
    ) -> dict[str, Tensor]:
        losses = {"attributes": attribute_loss(logits, attributes, self.recipe.smoothing)}
        total = self.recipe.attribute_weight * losses["attributes"]
        if self.identity is not None:
            losses["identity"] = self.identity(embedding, classes)
            total = total + self.recipe.identity_weight * losses["identity"]
        if teacher is not None:
            losses["teacher"] = teacher_loss(embedding, teacher, self.recipe.teacher_relation)
            total = total + self.recipe.teacher_weight * losses["teacher"]
        return {"total": total, **losses}
