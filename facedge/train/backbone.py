"""What `facedge train backbone` runs: from its options and a prepared folder to a trained run folder."""

import contextlib
import signal
from collections.abc import Callable, Iterator

import torch

from facedge.dataset.prepared import Faces
from facedge.train import run_folder
from facedge.train.config import BackboneConfig, BackboneRequest
from facedge.train.data import Samples, load_samples, open_more
from facedge.train.distributed import Group, choose_device, is_rank_zero, main_process_first, process_group
from facedge.train.initial_weights import source_sha256
from facedge.train.teacher import fingerprint, open_teachers
from facedge.train.trainer import Tick, Trainer
from facedge.train.views import teach, with_views
from facedge.types import Say, Track, silent, untracked


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
    faces = Faces.open(request.faces)
    more = open_more(faces, request.more)
    config = BackboneConfig.of(
        request, faces,
        more=more,
        teachers=[fingerprint(teacher) for teacher in request.teachers],
        began_from=source_sha256(request.begin_from) if request.begin_from else None,
    )  # fmt: skip
    if request.resume:
        run_folder.check_same_config(request.run, config)
    elif is_rank_zero():  # the others may find the folder that rank 0 has made already
        run_folder.create(request.run)
    with _sigterm_interrupts(), process_group(device) as group:
        say, tick = (say, tick) if group.is_main else (silent, lambda _: None)
        with main_process_first(group, "teacher"):  # rank 0 computes the caches, the others read them
            taught = teach(
                open_teachers(request.teachers, request.teacher_inputs), (faces, *more), config.spec,
                views=request.teacher_views, threads=request.threads or torch.get_num_threads(), track=track,
            )  # fmt: skip
        least = config.recipe.identity_images
        training = load_samples(
            faces, "train", config.spec, device, more=more, identity_images=least, teacher=taught.embeddings
        )
        training = with_views(training, taught.views)
        validation = load_samples(faces, "validation", config.spec, device)
        if group.is_main and not request.resume:
            run_folder.write_config(request.run, config)
        say(_summary(config, training, device, group))
        trainer = Trainer(
            request.run, config, training, validation,
            device=device, group=group, begin_from=request.begin_from, say=say, tick=tick,
        )  # fmt: skip
        best = trainer.train(resume=request.resume)
        if group.is_main:
            run_folder.draw_curves(request.run)
        tar = "" if best.tar is None else f", TAR at FAR 1e-3 {best.tar:.3f}"
        say(f"{request.run}: best validation attribute accuracy {best.attribute_accuracy:.4f}{tar}")


def _summary(config: BackboneConfig, training: Samples, device: torch.device, group: Group) -> str:
    """One line on what is about to be trained."""
    processes = f" in {group.world} processes" if group.world > 1 else ""
    targets = f"{len(config.attribute_names)} attributes"
    if config.recipe.identity_weight and training.class_count > 1:
        targets += f", {training.class_count} identities"
    if config.teachers:
        targets += f", teacher {' and '.join(teacher.split()[0] for teacher in config.teachers)}"
    side = config.spec.size
    return f"training {config.arch} at {side}x{side} on {len(training)} images ({targets}), on {device}{processes}"


@contextlib.contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """SIGTERM (a job scheduler, or torchrun after another process died) ends a run as ctrl-C does."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
