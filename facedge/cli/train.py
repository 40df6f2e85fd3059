"""`facedge train`: the backbone, a face head, or whichever of the two is missing."""

import contextlib
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from typer.core import TyperGroup

from facedge.cli import _console
from facedge.cli._console import require_extra

if TYPE_CHECKING:
    from facedge.train.config import BackboneRequest
    from facedge.train.face_head import HeadRequest

TORCH = ("torch", "safetensors", "matplotlib")

Run = Annotated[Path, typer.Option("-o", "--output", metavar="RUN", help="Folder to write the run into.")]
Faces = Annotated[Path, typer.Argument(metavar="FACES", help="Folder that `facedge prepare` wrote.")]
Arch = Annotated[Literal["edge", "plain"], typer.Option(help="The network; plain is the baseline.")]
Size = Annotated[int | None, typer.Option(help="Side of the network's input, a multiple of 16.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Epochs of the backbone: passes over the images.")]
Batch = Annotated[int | None, typer.Option(min=2, help="Batch size, over all processes.")]
Device = Annotated[
    Literal["auto", "cpu", "cuda"], typer.Option(envvar="FACEDGE_DEVICE", help="auto: CUDA where there is one.")
]
Seed = Annotated[int, typer.Option(envvar="FACEDGE_SEED", help="Fixes the run; on a CPU, bit for bit.")]
Threads = Annotated[
    int | None, typer.Option(envvar="FACEDGE_THREADS", min=1, help="CPU threads for torch; all cores by default.")
]
More = Annotated[
    list[Path] | None,
    typer.Option(metavar="SET", help="More training images, from `prepare --unlabelled`; may be repeated."),
]
TeacherFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--teacher", metavar="T.onnx", help="Face recogniser to learn embeddings from (distillation); may be repeated."
    ),
]
TeacherInputs = Annotated[
    list[str] | None,
    typer.Option(
        "--teacher-input",
        metavar="arcface|sface",
        help="Input convention: once for all teachers, or once for each.",
        show_default="T.json beside it, else arcface",
    ),
]
Aligned = Annotated[bool, typer.Option("--aligned", help="The photos are face crops in CelebA geometry, of any size.")]


def backbone(
    faces: Faces,
    output: Run,
    arch: Arch = "edge",
    size: Size = None,
    epochs: Epochs = None,
    batch: Batch = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    device: Device = "auto",
    seed: Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the run's last checkpoint.")] = False,
    more: More = None,
    teacher: TeacherFiles = None,
    teacher_input: TeacherInputs = None,
    teacher_views: Annotated[
        int, typer.Option(min=0, max=64, help="Blended and warped views of every image, with teacher embeddings.")
    ] = 0,
    init: Annotated[
        Path | None, typer.Option(metavar="RUN|BUNDLE", help="Start from these weights; default: random weights.")
    ] = None,
    threads: Threads = None,
) -> None:
    """Train the backbone: 40 attributes, identities where the dataset has them, a teacher's embeddings if given."""
    require_extra("train", TORCH)
    from facedge.train.config import BackboneRequest

    request = BackboneRequest(
        faces=faces, run=output, arch=arch, size=size, epochs=epochs, batch=batch, learning_rate=learning_rate,
        device=device, seed=seed, resume=resume, more=tuple(more or ()), teachers=tuple(teacher or ()),
        teacher_inputs=tuple(teacher_input or ()),
        teacher_views=teacher_views, begin_from=init, threads=threads,
    )  # fmt: skip
    with _interrupts_reported(f"{output} keeps its best weights; the same command with --resume continues"):
        _train_backbone(request)
    run = shlex.quote(str(output))
    _console.say(
        f"next: facedge train head {run} --me DIR --others DIR -o head, or facedge export {run} -o NAME.facedge"
    )


def head(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of the backbone.")],
    output: Run,
    me: Annotated[Path, typer.Option(metavar="DIR", help="Photos of the person to accept.")],
    others: Annotated[Path, typer.Option(metavar="DIR", help="Photos of other people, of the same kind.")],
    aligned: Aligned = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over augmented views.")] = None,
    seed: Seed = 0,
) -> None:
    """Train a face head on a frozen backbone, which accepts one person and rejects others."""
    require_extra("train", TORCH)
    from facedge.train.face_head import HeadRequest

    _train_head(HeadRequest(run, output, me, others, aligned=aligned, epochs=epochs, seed=seed))
    _say_export(run, output)


class TrainGroup(TyperGroup):
    """The command group `train`: without a subcommand's name, its arguments go to the subcommand `all`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # click or typer's
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["all", *args]
        return super().parse_args(ctx, args)


def train(
    faces: Annotated[
        Path | None, typer.Argument(metavar="[FACES]", help="Folder that `facedge prepare` wrote, for the backbone.")
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder of the runs DIR/backbone and DIR/head.")
    ] = Path("runs"),
    me: Annotated[Path | None, typer.Option(metavar="DIR", help="Photos of the person to accept.")] = None,
    others: Annotated[Path | None, typer.Option(metavar="DIR", help="Photos of other people.")] = None,
    aligned: Aligned = False,
    arch: Arch = "edge",
    size: Size = None,
    epochs: Epochs = None,
    batch: Batch = None,
    device: Device = "auto",
    seed: Seed = 0,
    more: More = None,
    teacher: TeacherFiles = None,
    teacher_input: TeacherInputs = None,
    threads: Threads = None,
) -> None:
    """The default: train what is missing, the backbone from FACES, then a face head if --me and --others are given."""
    require_extra("train", TORCH)
    from facedge.errors import InputError
    from facedge.formatting import counted
    from facedge.train.config import BackboneRequest
    from facedge.train.face_head import HeadRequest
    from facedge.train.run_folder import CONFIG, epochs_left

    _check_photos(me, others)
    backbone_run, head_run = output / "backbone", output / "head"
    left = epochs_left(backbone_run)
    if left == 0 and me is None:
        raise InputError(f"{backbone_run} is trained: give --me DIR and --others DIR to train a face head on it")
    if left == 0:
        _console.say(f"{backbone_run} is trained already")
    elif faces is None:
        state = "has no run yet" if left is None else f"has {counted(left, 'epoch')} left to train"
        raise InputError(f"{backbone_run} {state}: give FACES, the folder that `facedge prepare` wrote")
    else:
        request = BackboneRequest(
            faces=faces, run=backbone_run, arch=arch, size=size, epochs=epochs, batch=batch, device=device, seed=seed,
            resume=left is not None, more=tuple(more or ()), teachers=tuple(teacher or ()),
        teacher_inputs=tuple(teacher_input or ()), threads=threads,
        )  # fmt: skip
        with _interrupts_reported(f"{backbone_run} keeps its best weights; the same command continues"):
            _train_backbone(request)
    if me is None or others is None or os.environ.get("RANK", "0") != "0":  # under torchrun one process trains the head
        return
    if (head_run / CONFIG).exists():
        _console.say(f"{head_run} is trained already")
    else:
        _train_head(HeadRequest(backbone_run, head_run, me, others, aligned=aligned, seed=seed))
    _say_export(backbone_run, head_run)


def _say_export(run: Path, head_run: Path) -> None:
    words = shlex.join(["export", str(run), "--head", str(head_run), "-o", "me.facedge"])
    _console.say(f"next: facedge {words} --faces FACES")


def _check_photos(me: Path | None, others: Path | None) -> None:
    """InputError, before hours of training, unless both folders of photos are given and exist, or neither is given."""
    from facedge.errors import InputError

    if (me is None) != (others is None):
        raise InputError("expected --me and --others together, got one of them: give both folders of photos")
    for option, folder in (("--me", me), ("--others", others)):
        if folder is not None and not folder.is_dir():
            raise InputError(f"expected a folder of photos at {option} {folder}, found none: check the path")


def _train_backbone(request: "BackboneRequest") -> None:
    from facedge.train.backbone import train_backbone

    with _console.bar("training") as bar:
        train_backbone(
            request,
            say=_console.say,
            tick=lambda t: bar(t.step, t.steps, f"epoch {t.epoch}/{t.epochs}, {t.images_per_second:.0f} images/s"),
            track=_console.track,
        )


def _train_head(request: "HeadRequest") -> None:
    from facedge.train.face_head import train_face_head

    with _console.bar("training") as bar:
        train_face_head(request, say=_console.say, tick=lambda epoch, epochs: bar(epoch, epochs, "epochs"))


@contextlib.contextmanager
def _interrupts_reported(remedy: str) -> Iterator[None]:
    """Ctrl-C ends the command with one sentence and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        _console.error(f"interrupted: {remedy}")
        raise typer.Exit(130) from None
