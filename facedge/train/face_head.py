"""The face head: a small classifier on embeddings, trained from photos of one person and of others.

The backbone stays frozen. The recipe is the original one: Adam, a low learning rate, augmentation on the fly.
"""

import dataclasses
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from facedge.errors import InputError, RunError
from facedge.preprocessing import PreprocessSpec
from facedge.train import run_folder
from facedge.train.augment import Augment, augment, centre_crop
from facedge.train.camera_conditions import FaceLayout
from facedge.train.config import HeadConfig
from facedge.train.data import MARGIN, crop_patches
from facedge.train.distributed import choose_device
from facedge.train.head_report import provable_rates, report_test
from facedge.train.photos import AlignedPhotos, JudgingPhotos, load_photo_parts, load_photos
from facedge.types import Float32Array, Int64Array, Say, silent

HIDDEN = 40
DROPOUT = 0.4
BATCH = 64
CPU = torch.device("cpu")


class FaceHead(nn.Module):
    """embedding (N, D) -> Dense 40 -> ReLU -> Dropout 0.4 -> Dense 1 -> sigmoid: probability (N, 1) of label 1."""

    def __init__(self, embedding_size: int, hidden: int = HIDDEN, dropout: float = DROPOUT) -> None:
        super().__init__()
        self.hidden = nn.Linear(embedding_size, hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, 1)

    def logit(self, embedding: Tensor) -> Tensor:
        """The output before the sigmoid, (N, 1), for the loss."""
        features = torch.relu(self.hidden(embedding))  # (N, hidden)
        logit: Tensor = self.output(self.dropout(features))
        return logit

    def forward(self, embedding: Tensor) -> Tensor:
        return torch.sigmoid(self.logit(embedding))


def load_head(run: Path | str) -> tuple[FaceHead, HeadConfig]:
    """The trained face head in eval mode: embedding (N, D) -> probability (N, 1)."""
    run = Path(run)
    record = run_folder.read_config(run)
    try:
        config = HeadConfig.from_dict(record)
    except (KeyError, TypeError, ValueError) as problem:
        raise RunError(f"{run / run_folder.CONFIG} is not the config of a head run ({problem}): train again") from None
    head = FaceHead(config.embedding_size, config.hidden, config.dropout)
    run_folder.load_weights(head, run)
    return head.eval(), config


@dataclass(frozen=True)
class HeadRequest:
    """The options of `facedge train head`."""

    backbone: Path
    run: Path
    me: Path | None = None
    others: Path | None = None
    photos: Path | None = None  # in place of `me` and `others`: a folder with the parts train, validation and test
    aligned: bool = False
    epochs: int | None = None
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True)
class HeadRecipe:
    """Hyperparameters of a head's training."""

    epochs: int = 60
    learning_rate: float = 1e-3
    views: int = 256  # new augmented views per epoch, half of them with label 1
    kept: int = 4  # epochs in which a view is used: embedding it takes most of the time
    augment: Augment = field(
        default_factory=lambda: Augment(rotation=10, scale=0.1, shift=0.05, contrast=0.3, brightness=0.25)
    )


@dataclass(frozen=True)
class HeadScores:
    """Scores on the validation photos, at probability 0.5 (export chooses the threshold in use)."""

    me: int
    others: int
    false_rejects: int
    false_accepts: int
    auc: float


@dataclass(frozen=True)
class FrozenBackbone:
    """A backbone in eval mode, the sha256 of its weights, and what it reads and returns."""

    module: nn.Module
    sha256: str
    spec: PreprocessSpec
    embedding_size: int
    device: torch.device = CPU


def train_face_head(
    request: HeadRequest, say: Say = silent, tick: Callable[[int, int], None] = lambda _epoch, _epochs: None
) -> None:
    """Train a face head into `request.run`; `tick` gets (epoch, epochs).

    The folder is written when training is done. Where it was interrupted before, the same command starts again.
    """
    with run_folder.writing(request.run):
        run_folder.check_new(request.run)
        _train_into_run(request, say, tick)


def _train_into_run(request: HeadRequest, say: Say, tick: Callable[[int, int], None]) -> None:
    device = choose_device(request.device)
    module, config = run_folder.load_backbone(request.backbone)
    photos, test = _load_photos(request, say)
    sha256 = run_folder.weights_sha256(request.backbone)
    recipe = HeadRecipe()
    if request.epochs:
        recipe = dataclasses.replace(recipe, epochs=request.epochs)
    backbone = FrozenBackbone(module.to(device), sha256, config.spec, config.embedding_size, device)
    head_config, scores = train_head(request.run, backbone, photos, seed=request.seed, recipe=recipe, tick=tick)
    run_folder.draw_curves(request.run)
    say(
        f"{request.run}: on photos kept out of training, at probability 0.5: {scores.false_rejects} of "
        f"{scores.me} photos of me rejected, {scores.false_accepts} of {scores.others} of others accepted, "
        f"AUC {round(scores.auc, 4)}"
    )
    say(head_config.proves)
    if test is not None:
        for sentence in report_test(request.run, test, _probabilities(request.run, backbone, test)):
            say(sentence)


def _load_photos(request: HeadRequest, say: Say) -> tuple[AlignedPhotos, JudgingPhotos | None]:
    if request.photos is not None:
        return load_photo_parts(request.photos, aligned=request.aligned, seed=request.seed, say=say)
    if request.me is None or request.others is None:
        raise InputError("expected photos to train on: give --me DIR and --others DIR, or --photos DIR with both in it")
    return load_photos(request.me, request.others, aligned=request.aligned, seed=request.seed, say=say), None


@torch.inference_mode()
def _probabilities(run: Path, backbone: FrozenBackbone, photos: JudgingPhotos) -> Float32Array:
    """float32 (N,): the probability of each photo to be of me, by the head in `run`."""
    patches = crop_patches(photos.images, np.arange(len(photos.images)), backbone.spec)
    x = centre_crop(torch.from_numpy(patches).to(backbone.device), backbone.spec.size)
    head, _ = load_head(run)
    return np.asarray(head(_embed(backbone.module, x).cpu())[:, 0].numpy(), dtype=np.float32)


def train_head(
    run: Path,
    backbone: FrozenBackbone,
    photos: AlignedPhotos,
    *,
    seed: int = 0,
    recipe: HeadRecipe | None = None,
    tick: Callable[[int, int], None] = lambda _epoch, _epochs: None,
) -> tuple[HeadConfig, HeadScores]:
    """Train into the folder `run` and keep the epoch with the lowest validation loss.

    Both labels have the same weight in training and validation, however many photos each has.
    """
    recipe, spec, device = recipe or HeadRecipe(), backbone.spec, backbone.device
    layout = FaceLayout.of(spec, MARGIN)
    chooser = Generator(device).manual_seed(seed)
    torch.manual_seed(seed)
    training = _Labelled.of(photos, photos.training, spec, device)
    validation = _Labelled.of(photos, photos.validation, spec, device)
    x, y = _embed(backbone.module, centre_crop(validation.patches, spec.size)), validation.labels

    head = FaceHead(backbone.embedding_size).to(device)
    optimizer = torch.optim.Adam(head.parameters(), lr=recipe.learning_rate)
    records: list[dict[str, Any]] = []
    recent: deque[tuple[Tensor, Tensor]] = deque(maxlen=recipe.kept)
    best, best_state = float("inf"), head.state_dict()
    for epoch in range(1, recipe.epochs + 1):
        rows = _balanced_rows(training.labels, recipe.views, chooser)
        drawn = Generator(device).manual_seed(seed * 100_003 + epoch)
        views = _embed(backbone.module, augment(training.patches[rows], layout, spec.size, recipe.augment, drawn))
        recent.append((views, training.labels[rows]))
        inputs, labels = (torch.cat(parts) for parts in zip(*recent, strict=True))
        loss = _train_epoch(head, optimizer, inputs, labels, chooser)
        validation_loss = _balanced_loss(head.eval(), x, y)
        records.append({"epoch": epoch, "loss": round(loss, 5), "validation_loss": round(validation_loss, 5)})
        if validation_loss < best:
            best, best_state = validation_loss, {name: value.clone() for name, value in head.state_dict().items()}
        tick(epoch, recipe.epochs)
    head.load_state_dict(best_state)
    run_folder.write_metrics(run, records)
    run_folder.save_weights(run, best_state)
    scores = _score(head.eval(), x, y)
    config = _config(backbone, recipe, seed, training, scores)
    run_folder.write_config(run, config)
    return config, scores


def _config(
    backbone: FrozenBackbone, recipe: HeadRecipe, seed: int, training: "_Labelled", scores: HeadScores
) -> HeadConfig:
    return HeadConfig(
        backbone_sha256=backbone.sha256,
        embedding_size=backbone.embedding_size,
        hidden=HIDDEN,
        dropout=DROPOUT,
        epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        views=recipe.views,
        seed=seed,
        me={"training": training.count(1), "validation": scores.me},
        others={"training": training.count(0), "validation": scores.others},
        proves=provable_rates(scores.me, scores.others),
    )


@dataclass(frozen=True)
class _Labelled:
    patches: Tensor  # (N, P, P) uint8
    labels: Tensor  # (N, 1) float32, 1 is me

    @classmethod
    def of(cls, photos: AlignedPhotos, rows: Int64Array, spec: PreprocessSpec, device: torch.device) -> "_Labelled":
        labels = torch.from_numpy(photos.labels[rows].astype(np.float32))[:, None]
        return cls(torch.from_numpy(crop_patches(photos.images, rows, spec)).to(device), labels.to(device))

    def count(self, label: int) -> int:
        """The number of photos with a label."""
        return int((self.labels == label).sum())


@torch.inference_mode()
def _embed(backbone: nn.Module, x: Tensor, batch: int = 256) -> Tensor:
    return torch.cat([backbone(part)[0] for part in torch.split(x, batch)]).clone()


def _balanced_rows(labels: Tensor, views: int, generator: Generator) -> Tensor:
    """Rows of one epoch, half of each label, drawn with replacement."""
    half = views // 2
    rows = []
    for label in (1.0, 0.0):
        of_label = torch.nonzero(labels[:, 0] == label).flatten()
        rows.append(of_label[torch.randint(len(of_label), (half,), generator=generator, device=labels.device)])
    return torch.cat(rows)


def _train_epoch(head: FaceHead, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, generator: Generator) -> float:
    """One pass over the views; the mean loss."""
    head.train()
    total = torch.zeros((), device=x.device)
    for rows in torch.split(torch.randperm(len(x), generator=generator, device=x.device), BATCH):
        loss = F.binary_cross_entropy_with_logits(head.logit(x[rows]), y[rows])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        total += loss.detach() * len(rows)
    return float(total) / len(x)


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
