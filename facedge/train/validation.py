"""Validation scores of a backbone: attribute accuracy, and TAR at a FAR over all pairs of images."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from facedge.metrics.comparisons import balanced_choice
from facedge.metrics.verification import true_accept_rate
from facedge.train.augment import centre_crop
from facedge.train.data import Samples
from facedge.types import Float32Array, Int64Array

FAR = 1e-3  # the false accept rate at which runs are compared
MOST_IMAGES = 4500  # 10 million pairs; all of CelebA's validation partition would need 8 GB


@dataclass(frozen=True)
class Scores:
    """Scores on one partition, as fractions of 1."""

    attribute_accuracy: float  # of the known ones; 0 where none is known
    tar: float | None  # TAR at FAR 1e-3 over all pairs; None without genuine or without impostor pairs

    @property
    def overall(self) -> float:
        """Selects the best epoch: attribute accuracy and TAR with equal weight."""
        return self.attribute_accuracy + (self.tar or 0.0)


@torch.inference_mode()
def evaluate(module: nn.Module, samples: Samples, size: int, batch: int = 512) -> Scores:
    """Scores of a backbone in eval mode on unaugmented samples."""
    embeddings, correct, known = [], 0, 0
    for start in range(0, len(samples), batch):
        rows = slice(start, start + batch)
        embedding, logits = module(centre_crop(samples.patches[rows], size))
        labels = samples.attributes[rows]
        known += int((labels <= 1).sum())
        correct += int((((logits > 0) == (labels > 0)) & (labels <= 1)).sum())
        embeddings.append(embedding.float())
    tar = tar_at_far(torch.cat(embeddings).cpu().numpy(), samples.classes.cpu().numpy())
    return Scores(correct / max(known, 1), tar)


def tar_at_far(embeddings: Float32Array, classes: Int64Array, far: float = FAR) -> float | None:
    """TAR at a FAR over all pairs of (N, D) L2-normalised embeddings; None without genuine or impostor pairs.

    Of more than MOST_IMAGES, a fixed choice of that many is compared, spread evenly over the identities.
    """
    chosen = balanced_choice(classes, MOST_IMAGES)
    embeddings, classes = embeddings[chosen], classes[chosen]
    upper = np.triu_indices(len(classes), 1)
    same = (classes[:, None] == classes)[upper]
    if same.all() or not same.any():
        return None
    scores = (embeddings @ embeddings.T)[upper]
    return true_accept_rate(scores[same], scores[~same], far)
