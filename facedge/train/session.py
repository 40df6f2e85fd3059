"""A training session as the command line asks for it: check, load, train, draw."""

import contextlib
import dataclasses
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facedge.dataset.faces import Faces
from facedge.errors import InputError, RunError
from facedge.preprocessing import PreprocessSpec
from facedge.train import run as run_folder
from facedge.train.architectures import ARCHITECTURES, Edge, Plain
from facedge.train.backbone import Tick, train_backbone
from facedge.train.config import BackboneConfig, DataCard, Recipe, recipe_of
from facedge.train.curves import draw_curves
from facedge.train.distributed import Group, choose_device, join, leave, tell, wait_for
from facedge.train.head import HeadRecipe, summary, train_head
from facedge.train.photos import load_photos
from facedge.train.samples import load_samples, with_views
from facedge.train.teacher import Teacher, fingerprint, read_convention, teacher_embeddings
from facedge.train.views import Views, teacher_views

Say = Callable[[str], None]
Track = Callable[[Any, int], Any]


@dataclass(frozen=True)
class BackboneRequest:
    """What `facedge train backbone` was asked for; None leaves a choice to the architecture's recipe."""

    faces: Path
    run: Path
    arch: str = "edge"
    size: int | None = None
    epochs: int | None = None
    batch: int | None = None
    learning_rate: float | None = None
    device: str = "auto"
    seed: int = 0
    resume: bool = False
    teacher: Path | None = None
    teacher_input: str | None = None
    teacher_views: int = 0
    begin_from: Path | None = None
    threads: int | None = None


@dataclass(frozen=True)
class HeadRequest:
    """What `facedge train head` was asked for."""

    backbone: Path
    run: Path
    me: Path
    others: Path
    aligned: bool = False
    epochs: int | None = None
    seed: int = 0


def run_backbone(
    request: BackboneRequest,
    say: Say = lambda _: None,
    tick: Callable[[Tick], None] = lambda _: None,
    track: Track = lambda items, _total: items,
) -> None:
    """Train a backbone into `request.run`; prints what matters through `say`."""
    if request.threads:
        torch.set_num_threads(request.threads)
    device = choose_device(request.device)
    config = _config(request, faces := Faces.open(request.faces))
    _claim(request.run, config, request.resume)
    with _interruptible(), _grouped(device) as group:
        speak = say if group.leads else lambda _: None
        taught, views = _taught(request, faces, config, group, track)
        options = {"identity_images": config.recipe.identity_images}
        training = load_samples(faces, "train", config.spec, device, teacher=taught, **options)
        training = with_views(training, views)
        validation = load_samples(faces, "validation", config.spec, device)
        if group.leads and not request.resume:
            run_folder.write_config(request.run, config)
        speak(_opening(config, len(training), training.class_count, device, group))
        best = train_backbone(
            request.run, config, training, validation,
            device=device, group=group, resume=request.resume, begin_from=request.begin_from,
            say=speak, tick=tick if group.leads else lambda _: None,
        )  # fmt: skip
        if group.leads:
            draw_curves(request.run)
        tar = "" if best.tar is None else f", TAR at FAR 1e-3 {best.tar:.3f}"
        speak(f"{request.run}: best validation attribute accuracy {best.attribute_accuracy:.4f}{tar}")


def run_head(
    request: HeadRequest, say: Say = lambda _: None, tick: Callable[[int, int], None] = lambda _epoch, _epochs: None
) -> None:
    """Train a face head into `request.run`."""
    backbone, config = run_folder.load_backbone(request.backbone)
    photos = load_photos(request.me, request.others, aligned=request.aligned, seed=request.seed, say=say)
    _fresh(request.run)
    recipe = HeadRecipe()
    if request.epochs:
        recipe = dataclasses.replace(recipe, epochs=request.epochs)
    head_config, scores = train_head(
        request.run, backbone, run_folder.weights_sha256(request.backbone), config.spec, config.embedding_size,
        photos, seed=request.seed, recipe=recipe, tick=tick,
    )  # fmt: skip
    draw_curves(request.run)
    numbers = summary(scores)
    say(
        f"{request.run}: on photos kept out of training, at probability 0.5: {numbers['false_rejects']} of "
        f"{numbers['me']} photos of me rejected, {numbers['false_accepts']} of {numbers['others']} of others accepted, "
        f"AUC {numbers['auc']}"
    )
    say(head_config.proves)


def _config(request: BackboneRequest, faces: Faces) -> BackboneConfig:
    if request.arch not in ARCHITECTURES:
        raise InputError(f"expected --arch {' or '.join(ARCHITECTURES)}, got {request.arch!r}")
    spec = PreprocessSpec() if request.size is None else dataclasses.replace(PreprocessSpec(), size=request.size)
    if spec.size % 16 or not 32 <= spec.size <= 256:
        raise InputError(f"expected --size to be a multiple of 16 from 32 to 256, got {spec.size}")
    train_rows = faces.indices("train")
    identities = faces.identities[train_rows]
    data = DataCard(
        name=str(faces.info["name"]),
        licence=str(faces.info["licence"]),
        partition=str(faces.info["partition"]),
        images=len(train_rows),
        identities=len(np.unique(identities[identities >= 0])),
    )
    return BackboneConfig(
        arch=request.arch,
        spec=spec,
        embedding_size=(Plain if request.arch == "plain" else Edge).embedding_size,
        attribute_names=tuple(faces.attribute_names),
        data=data,
        recipe=_recipe(request),
        seed=request.seed,
        teacher=fingerprint(request.teacher) if request.teacher else None,
        began_from=run_folder.weights_sha256(request.begin_from) if request.begin_from else None,
        mirrored=request.arch == "edge",
    )


def _recipe(request: BackboneRequest) -> Recipe:
    recipe = recipe_of(request.arch, taught=request.teacher is not None)
    if request.teacher_views and not request.teacher:
        raise InputError("--teacher-views needs --teacher: it is the teacher who says what the views show")
    if request.teacher and not recipe.teacher_weight:
        raise InputError(f"--teacher needs --arch edge: {request.arch} is the baseline and learns attributes only")
    return dataclasses.replace(
        recipe,
        epochs=request.epochs or recipe.epochs,
        batch=request.batch or recipe.batch,
        learning_rate=request.learning_rate or recipe.learning_rate,
        teacher_views=request.teacher_views,
    )


def _claim(run: Path, config: BackboneConfig, resume: bool) -> None:
    """A new folder for a new run; for --resume, the folder of the same run."""
    if not resume:
        _fresh(run)
        return
    began = run_folder.read_backbone_config(run)
    if began != config:
        differing = [f.name for f in dataclasses.fields(config) if getattr(began, f.name) != getattr(config, f.name)]
        raise RunError(
            f"{run} was begun with another {', '.join(differing)}: repeat the options it was begun with, "
            f"or choose another -o"
        )


def _fresh(run: Path) -> None:
    # Under torchrun every process passes here; only rank 0 may find the folder empty and must not race the others.
    if int(os.environ.get("RANK", "0")) == 0 and run.exists() and any(run.iterdir()):
        raise RunError(f"{run} is not empty: choose another -o, or --resume the run that is in it")
    run.mkdir(parents=True, exist_ok=True)


def _taught(
    request: BackboneRequest, faces: Faces, config: BackboneConfig, group: Group, track: Track
) -> tuple[NDArray[np.float32] | None, list[Views]]:
    """What the teacher says of the training images and of their views; rank 0 asks, the others read its cache."""
    if request.teacher is None or not config.recipe.teacher_weight:
        return None, []
    teacher = Teacher(request.teacher, read_convention(request.teacher, request.teacher_input))
    threads = request.threads or torch.get_num_threads()
    rows = faces.indices("train")
    if not group.leads:
        wait_for(group, "teacher")
    embeddings = teacher_embeddings(teacher, faces, rows, threads=threads, progress=track)
    views = [
        teacher_views(teacher, faces, rows, config.spec, number, threads=threads, progress=track)
        for number in range(1, config.recipe.teacher_views + 1)
    ]
    if group.leads:
        tell(group, "teacher")
    return embeddings, views


def _opening(config: BackboneConfig, images: int, classes: int, device: torch.device, group: Group) -> str:
    processes = f" in {group.world} processes" if group.world > 1 else ""
    learns = f"{len(config.attribute_names)} attributes"
    if config.recipe.identity_weight and classes > 1:
        learns += f", {classes} identities"
    if config.teacher:
        learns += f", teacher {config.teacher.split()[0]}"
    side = config.spec.size
    return f"training {config.arch} at {side}x{side} on {images} images ({learns}), on {device}{processes}"


@contextlib.contextmanager
def _grouped(device: torch.device) -> Iterator[Group]:
    group = join(device)
    try:
        yield group
    except RuntimeError as problem:
        if group.world == 1:
            raise
        raise RunError(
            f"process {group.rank} of {group.world} lost the others ({str(problem).splitlines()[0][:120]}): "
            f"start again with --resume"
        ) from problem
    finally:
        with contextlib.suppress(RuntimeError):
            leave(group)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM (a job scheduler, or torchrun after another process died) ends a run as ctrl-C does."""

    def stop(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
