"""How good a backbone is on people it never saw: attributes, and telling them apart."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from facedge.metrics import balanced_choice
from facedge.train.augment import centre
from facedge.train.samples import Samples

FAR = 1e-3  # the false accept rate at which runs are compared
MOST = 4500  # images compared, evenly over the people: 10 million pairs; all of CelebA's validation would take 8 GB


@dataclass(frozen=True)
class Scores:
    """Of one partition. Fractions, not percent."""

    attribute_accuracy: float
    tar: float | None  # true accepts at FAR 1e-3 over all pairs; None without identities

    @property
    def overall(self) -> float:
        """What "best" means when weights are kept: attributes and verification weigh the same."""
        return self.attribute_accuracy + (self.tar or 0.0)


@torch.inference_mode()
def evaluate(module: nn.Module, samples: Samples, size: int, batch: int = 512) -> Scores:
    """Run a backbone in eval mode over unaugmented samples."""
    embeddings, correct = [], 0
    for start in range(0, len(samples), batch):
        rows = slice(start, start + batch)
        embedding, logits = module(centre(samples.patches[rows], size))
        correct += int(((logits > 0) == (samples.attributes[rows] > 0)).sum())
        embeddings.append(embedding.float())
    accuracy = correct / samples.attributes.numel()
    return Scores(accuracy, true_accepts(torch.cat(embeddings).cpu().numpy(), samples.classes.cpu().numpy()))


def true_accepts(embeddings: NDArray[np.float32], classes: NDArray[np.int64], far: float = FAR) -> float | None:
    """TAR at a FAR over all pairs of (N, D) L2-normalised embeddings; None where a kind of pair is missing.

    Of more than MOST images, the same MOST are compared each time.
    """
    chosen = balanced_choice(classes, MOST)
    embeddings, classes = embeddings[chosen], classes[chosen]
    upper = np.triu_indices(len(classes), 1)
    same = (classes[:, None] == classes)[upper]
    if same.all() or not same.any():
        return None
    scores = (embeddings @ embeddings.T)[upper]
    impostor = scores[~same]
    allowed = int(far * len(impostor))
    threshold = np.partition(impostor, len(impostor) - allowed - 1)[len(impostor) - allowed - 1]
    return float((scores[same] > threshold).mean())
