"""Training the face head: photos of me and of others, through the frozen backbone, to one sigmoid neuron."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from facedge.preprocessing import PreprocessSpec
from facedge.train import run as run_folder
from facedge.train.augment import Augment, augment, centre
from facedge.train.config import HeadConfig
from facedge.train.face_head import DROPOUT, HIDDEN, FaceHead
from facedge.train.photos import AlignedPhotos
from facedge.train.samples import patches


@dataclass(frozen=True)
class HeadRecipe:
    """The original recipe: Adam, a low learning rate, augmentation on the fly."""

    epochs: int = 60
    learning_rate: float = 1e-3
    views: int = 256  # new augmented views an epoch, half of them of me
    kept: int = 4  # epochs that a view is trained on: embedding it is what costs time
    augment: Augment = field(
        default_factory=lambda: Augment(rotation=10, scale=0.1, shift=0.05, contrast=0.3, brightness=0.25)
    )


@dataclass(frozen=True)
class HeadScores:
    """On the photos kept out of training, at probability 0.5 (export chooses the real threshold)."""

    me: int
    others: int
    false_rejects: int
    false_accepts: int
    auc: float


def what_it_proves(me: int, others: int) -> str:
    """One sentence on what a validation of this size can and cannot show (the rule of three: 95 % bound 3/N)."""
    far, frr = min(1.0, 3 / others), min(1.0, 3 / me)
    return (
        f"{others} validation photos of others can show a FAR of {far:.0%} at best and {me} of me an FRR of {frr:.0%}, "
        f"even without a single error: `facedge export` sets the threshold on many more impostors"
    )


def train_head(
    run: Path,
    backbone: nn.Module,
    backbone_sha256: str,
    spec: PreprocessSpec,
    embedding_size: int,
    photos: AlignedPhotos,
    *,
    seed: int = 0,
    recipe: HeadRecipe | None = None,
    tick: Callable[[int, int], None] = lambda _epoch, _epochs: None,
) -> tuple[HeadConfig, HeadScores]:
    """Train into the folder `run`; the photos come split, no person or photo on both sides.

    Photos are weighted so that both classes count the same, however many each has. The epoch with the lowest
    validation loss is kept.
    """
    recipe = recipe or HeadRecipe()
    chooser = Generator().manual_seed(seed)
    torch.manual_seed(seed)
    training = _Photos.of(photos, photos.training, spec)
    validation = _Photos.of(photos, photos.validation, spec)
    held = _embed(backbone, centre(validation.patches, spec.size))

    head = FaceHead(embedding_size)
    optimizer = torch.optim.Adam(head.parameters(), lr=recipe.learning_rate)
    recent: deque[tuple[Tensor, Tensor]] = deque(maxlen=recipe.kept)
    best, best_state = float("inf"), head.state_dict()
    for epoch in range(1, recipe.epochs + 1):
        rows = _balanced_rows(training.labels, recipe.views, chooser)
        views = _embed(backbone, augment(training.patches[rows], spec.size, recipe.augment, chooser))
        recent.append((views, training.labels[rows]))
        x, y = (torch.cat(parts) for parts in zip(*recent, strict=True))
        loss = _fit(head, optimizer, x, y, chooser)
        validation_loss = _balanced_loss(head.eval(), held, validation.labels)
        run_folder.append_metrics(
            run, {"epoch": epoch, "loss": round(loss, 5), "validation_loss": round(validation_loss, 5)}
        )
        if validation_loss < best:
            best, best_state = validation_loss, {name: value.clone() for name, value in head.state_dict().items()}
        tick(epoch, recipe.epochs)
    head.load_state_dict(best_state)
    run_folder.save_weights(run, best_state)
    scores = _score(head.eval(), held, validation.labels)
    config = HeadConfig(
        backbone_sha256=backbone_sha256,
        embedding_size=embedding_size,
        hidden=HIDDEN,
        dropout=DROPOUT,
        epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        views=recipe.views,
        seed=seed,
        me={"training": training.count(1), "validation": scores.me},
        others={"training": training.count(0), "validation": scores.others},
        proves=what_it_proves(scores.me, scores.others),
    )
    run_folder.write_config(run, config)
    return config, scores


@dataclass(frozen=True)
class _Photos:
    patches: Tensor  # (N, P, P) uint8
    labels: Tensor  # (N, 1) float32, 1 is me

    @classmethod
    def of(cls, photos: AlignedPhotos, rows: NDArray[np.int64], spec: PreprocessSpec) -> "_Photos":
        labels = torch.from_numpy(photos.labels[rows].astype(np.float32))[:, None]
        return cls(torch.from_numpy(patches(photos.images, rows, spec)), labels)

    def count(self, label: int) -> int:
        """How many photos carry a label."""
        return int((self.labels == label).sum())


@torch.inference_mode()
def _embed(backbone: nn.Module, x: Tensor, batch: int = 256) -> Tensor:
    return torch.cat([backbone(part)[0] for part in torch.split(x, batch)]).clone()


def _balanced_rows(labels: Tensor, views: int, generator: Generator) -> Tensor:
    """Rows of one epoch, half of them me: small classes are seen more often, each time in another view."""
    half = views // 2
    rows = []
    for label in (1.0, 0.0):
        mine = torch.nonzero(labels[:, 0] == label).flatten()
        rows.append(mine[torch.randint(len(mine), (half,), generator=generator)])
    return torch.cat(rows)


def _fit(head: FaceHead, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, generator: Generator) -> float:
    """One pass over the views in batches of 64; the mean loss."""
    head.train()
    total = 0.0
    for rows in torch.split(torch.randperm(len(x), generator=generator), 64):
        loss = F.binary_cross_entropy_with_logits(head.logit(x[rows]), y[rows])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        total += loss.item() * len(rows)
    return total / len(x)


@torch.inference_mode()
def _balanced_loss(head: FaceHead, x: Tensor, y: Tensor) -> float:
    each = F.binary_cross_entropy_with_logits(head.logit(x), y, reduction="none")
    return float((each[y == 1].mean() + each[y == 0].mean()) / 2)


@torch.inference_mode()
def _score(head: FaceHead, x: Tensor, y: Tensor) -> HeadScores:
    p = head(x)
    genuine, impostor = p[y == 1], p[y == 0]
    wins = (genuine[:, None] > impostor).float() + 0.5 * (genuine[:, None] == impostor).float()
    return HeadScores(
        me=len(genuine),
        others=len(impostor),
        false_rejects=int((genuine < 0.5).sum()),
        false_accepts=int((impostor >= 0.5).sum()),
        auc=float(wins.mean()),
    )


def summary(scores: HeadScores) -> dict[str, Any]:
    """The scores as JSON types, for metrics and messages."""
    return {"me": scores.me, "others": scores.others, "false_rejects": scores.false_rejects,
            "false_accepts": scores.false_accepts, "auc": round(scores.auc, 4)}  # fmt: skip
