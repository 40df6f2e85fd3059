"""What `facedge train backbone` runs: from its options and a prepared folder to a trained run folder."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from facedge.bundle.read import read_bundle
from facedge.dataset.prepared import Faces
from facedge.errors import RunError
from facedge.train import run_folder
from facedge.train.config import BackboneConfig, BackboneRequest
from facedge.train.data import Samples, crop_patches, load_samples, open_more, share_of
from facedge.train.device_teacher import DeviceTeacher
from facedge.train.distributed import Group, choose_device, main_process_first, meet, process_group
from facedge.train.embedding_fit import CONDITION_NUMBERS
from facedge.train.fresh_views import FreshViews
from facedge.train.initial_weights import source_sha256
from facedge.train.interrupts import sigterm_interrupts
from facedge.train.last_layers import fit_last_layers
from facedge.train.memory import Need, check_memory
from facedge.train.pseudo_labels import with_predicted_labels
from facedge.train.resume import OPTIONS, options_of, resumed_config
from facedge.train.teacher import conventions_of, fingerprint, open_teachers
from facedge.train.teacher_targets import Targets, with_targets
from facedge.train.trainer import Tick, Trainer
from facedge.train.views import Taught, teach, with_views
from facedge.types import Float32Array, Say, Track, silent, untracked

CPU = torch.device("cpu")
SEED_OF_RANK = 104_729  # so that no two processes draw the same views


def train_backbone(
    request: BackboneRequest,
    say: Say = silent,
    tick: Callable[[Tick], None] = lambda _: None,
    track: Track = untracked,
) -> None:
    """Train a backbone into `request.run`: check the request, load the data, train, draw the curves.

    say: lines of progress. tick: called after every optimiser step. track: progress of the teacher's embeddings. Under
    torchrun every process calls this, and rank 0 reports and writes.
    """
    if request.threads:
        torch.set_num_threads(request.threads)
    device = choose_device(request.device)
    with sigterm_interrupts(), process_group(device) as group, contextlib.ExitStack() as stack:
        say, tick = (say, tick) if group.is_main else (silent, lambda _: None)
        if group.is_main:
            stack.enter_context(run_folder.writing(request.run))
            if not request.resume:
                run_folder.check_new(request.run)
        faces = Faces.open(request.faces)
        more = open_more(faces, request.more)
        config = _config(request, faces, more)
        if group.is_main:
            run_folder.write_config(request.run, config, **{OPTIONS: options_of(request)})
        data = _training_set(request, config, faces, more, device, group, say, track)
        validation = load_samples(faces, "validation", config.spec, device)
        started = (request.run / run_folder.CHECKPOINT).exists()
        trainer = Trainer(
            request.run, config, data.samples, validation, device=device, group=group,
            begin_from=None if started else request.begin_from, compiled=request.compiled,
            renew=data.renew, say=say, tick=tick,
        )  # fmt: skip
        best, targets = trainer.train(resume=request.resume), data.targets
        del trainer, data  # for the fits' memory
        if group.is_main:
            if config.arch == "edge":
                best = fit_last_layers(
                    request.run, config, faces, validation, more=more, targets=targets, say=say, track=track
                )
            run_folder.draw_curves(request.run)
        tar = "" if best.tar is None else f", TAR at FAR 1e-3 {best.tar:.3f}"
        say(f"{request.run}: best validation attribute accuracy {best.attribute_accuracy:.4f}{tar}")


@dataclass(frozen=True)
class TrainingSet:
    """What one process trains on.

    renew: brings the samples to those of an epoch (`FreshViews.draw`), where views are drawn anew. targets: of the
    training images of FACES, (N, D), for the fit of the embedding layer; None without a teacher.
    """

    samples: Samples
    renew: Callable[[int, Callable[[], bool]], None] | None
    targets: Float32Array | None


def _training_set(
    request: BackboneRequest,
    config: BackboneConfig,
    faces: Faces,
    more: Sequence[Faces],
    device: torch.device,
    group: Group,
    say: Say,
    track: Track,
) -> TrainingSet:
    """Read the images, ask the teachers, label, and give the process its share on its device."""
    threads = request.threads or torch.get_num_threads()
    teachers = _device_teachers(request, config, faces, device) if config.recipe.fresh_views else []
    with main_process_first(group, "teacher"):  # rank 0 computes the caches, the others read them
        opened = open_teachers(request.teachers, request.teacher_inputs)
        views = request.teacher_views
        taught = teach(opened, (faces, *more), config.spec, views=views, threads=threads, track=track)
    targets = None  # the map from the teachers' embeddings
    if taught.embeddings is not None:
        free = CONDITION_NUMBERS if config.arch == "edge" else 0
        targets = Targets.of(taught.embeddings, config.embedding_size, free=free)
        taught = with_targets(taught, targets)
    check_memory(_need(config, taught), device, group.world, fresh=config.recipe.fresh_views)
    least = config.recipe.identity_images
    samples = load_samples(
        faces, "train", config.spec, CPU, more=more, identity_images=least, teacher=taught.embeddings
    )
    samples = with_views(samples, taught.views)
    _check_targets(config, samples, request)
    say(_summary(config, samples, device, group))
    share, renew = share_of(samples, group.rank, group.world, device), None
    if request.labels_from is not None:
        names = config.attribute_names
        share = with_predicted_labels(share, request.labels_from, names, config.spec, threads=threads, track=track)
    meet(group, "samples")  # before what has a time limit
    if targets is not None and teachers:
        seed = config.seed + SEED_OF_RANK * group.rank
        fresh = FreshViews(share, teachers, targets, config.spec, config.recipe.fresh_views, seed)
        share, renew = fresh.samples, fresh.draw
    own = None if taught.embeddings is None else taught.embeddings[: len(faces.indices("train"))].copy()
    return TrainingSet(share, renew, own)


def _device_teachers(
    request: BackboneRequest, config: BackboneConfig, faces: Faces, device: torch.device
) -> list[DeviceTeacher]:
    """The teachers on the training device, for `--fresh-views`."""
    probe = torch.from_numpy(crop_patches(faces.images, faces.indices("train")[:2], config.spec))
    conventions = conventions_of(request.teachers, request.teacher_inputs)
    return [
        DeviceTeacher(path, convention, config.spec, device, probe, compiled=request.compiled)
        for path, convention in zip(request.teachers, conventions, strict=True)
    ]


def _config(request: BackboneRequest, faces: Faces, more: Sequence[Faces]) -> BackboneConfig:
    """The config of a new run, or of the run that is resumed."""
    teachers = tuple(fingerprint(teacher) for teacher in request.teachers)
    labels_from = read_bundle(request.labels_from).sha256 if request.labels_from else None
    if request.resume:
        return resumed_config(request, faces, more, teachers, labels_from)
    began_from = source_sha256(request.begin_from) if request.begin_from else None
    return BackboneConfig.of(
        request, faces, more=more, teachers=teachers, began_from=began_from, labels_from=labels_from
    )


def _need(config: BackboneConfig, taught: Taught) -> Need:
    images = sum(card.images for card in (config.data, *config.more)) * (1 + config.recipe.teacher_views)
    teacher = 0 if taught.embeddings is None else taught.embeddings.shape[1]
    return Need.of(images, config.spec, attributes=len(config.attribute_names), teacher=teacher)


def _check_targets(config: BackboneConfig, samples: Samples, request: BackboneRequest) -> None:
    """RunError where no loss reaches the embedding: it would stay at its random start."""
    identities = config.recipe.identity_weight > 0 and samples.class_count > 1
    if config.arch != "plain" and samples.teacher is None and not identities:
        raise RunError(
            f"{request.faces} names no people with {config.recipe.identity_images} training images or more, and no "
            "--teacher is given, so nothing would train the embedding, which tells people apart: add "
            "identity_CelebA.txt to the data set and prepare it again, give --teacher T.onnx, or choose --arch plain, "
            "which learns from attributes alone"
        )


def _summary(config: BackboneConfig, training: Samples, device: torch.device, group: Group) -> str:
    """One line on what is about to be trained."""
    processes = f" in {group.world} processes" if group.world > 1 else ""
    targets = f"{len(config.attribute_names)} attributes"
    if config.recipe.identity_weight and training.class_count > 1:
        targets += f", {training.class_count} identities"
    if config.teachers:
        targets += f", teacher {' and '.join(teacher.split()[0] for teacher in config.teachers)}"
    side, images = config.spec.size, len(training)
    return f"training {config.arch} at {side}x{side} on {images} images ({targets}), on {device}{processes}"
