"""What the backbone is asked to do: read attributes, tell identities apart, and agree with a teacher."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def attribute_loss(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Binary cross-entropy, mean over (N, A). Labels are 0 or 1, or in between in a blend of two faces.

    Smoothing keeps the network from believing CelebA's labels, which annotators themselves disagree on, to the end.
    """
    target = labels.float() * (1 - 2 * smoothing) + smoothing
    return F.binary_cross_entropy_with_logits(logits.float(), target)


class MarginSoftmax(nn.Module):
    """Identities as directions on the sphere: softmax over cosines, with a margin that the own class must beat.

    CosFace (Wang et al. 2018): logit = scale * (cosine - margin for the own class). Samples of class -1 (unknown,
    or an identity with too few images) take no part.
    """

    def __init__(self, embedding_size: int, classes: int, scale: float, margin: float) -> None:
        super().__init__()
        self.directions = nn.Parameter(torch.randn(classes, embedding_size))
        self.scale, self.margin = scale, margin

    def forward(self, embedding: Tensor, classes: Tensor) -> Tensor:
        known = classes >= 0
        if not bool(known.any()):
            return embedding.sum() * 0 + self.directions.sum() * 0
        own = classes[known]
        cosine = embedding[known] @ F.normalize(self.directions).T  # (K, classes)
        margin = torch.zeros_like(cosine).scatter_(1, own[:, None], self.margin)
        return F.cross_entropy(self.scale * (cosine - margin), own)


class TeacherLoss(nn.Module):
    """Agreement with another recogniser's embeddings: each one's direction, and all their mutual similarities.

    The second term is the relational part (Park et al. 2019, with cosines for distances): it teaches who resembles
    whom. Where the teacher's embedding has another length, a linear map is learnt along and thrown away.
    """

    def __init__(self, embedding_size: int, teacher_size: int, relation: float) -> None:
        super().__init__()
        same = embedding_size == teacher_size
        self.project: nn.Module = nn.Identity() if same else nn.Linear(embedding_size, teacher_size, bias=False)
        self.relation = relation

    def forward(self, embedding: Tensor, target: Tensor) -> Tensor:
        mine = F.normalize(self.project(embedding))
        direction = (1 - (mine * target).sum(1)).mean()
        if not self.relation:
            return direction
        difference = embedding @ embedding.T - target @ target.T
        return direction + self.relation * difference.square().mean()
