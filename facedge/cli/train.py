"""`facedge train`: the backbone, a face head, or whichever of the two is missing."""

import contextlib
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from facedge.cli import _console
from facedge.cli._console import require_extra

if TYPE_CHECKING:
    from facedge.train.config import BackboneRequest
    from facedge.train.face_head import HeadRequest

TORCH = ("torch", "safetensors", "matplotlib")
OF_THE_MACHINE = ("device", "threads")  # may differ when a run is resumed
REPEATED = ("more", "teachers", "teacher_inputs")  # fields whose options may be repeated

Run = Annotated[Path, typer.Option("-o", "--output", metavar="RUN", help="Folder to write the run into.")]
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
Me = Annotated[Path | None, typer.Option(metavar="DIR", help="Photos of the person to accept.")]
Others = Annotated[Path | None, typer.Option(metavar="DIR", help="Photos of other people, of the same kind.")]
Photos = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="In place of both: train/me, train/others, and the same under validation and test where they exist.",
    ),
]
Aligned = Annotated[bool, typer.Option("--aligned", help="The photos are face crops in CelebA geometry, of any size.")]


def backbone(
    ctx: typer.Context,
    output: Run,
    faces: Annotated[
        Path | None, typer.Argument(metavar="FACES", help="Folder that `facedge prepare` wrote; not for --resume.")
    ] = None,
    arch: Arch = "edge",
    size: Size = None,
    epochs: Epochs = None,
    batch: Batch = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    device: Device = "auto",
    seed: Seed = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the last checkpoint; more --epochs train longer.")
    ] = False,
    more: More = None,
    teacher: TeacherFiles = None,
    teacher_input: TeacherInputs = None,
    teacher_views: Annotated[
        int, typer.Option(min=0, max=64, help="Blended and warped views of every image, with teacher embeddings.")
    ] = 0,
    fresh_views: Annotated[
        int,
        typer.Option(
            min=0,
            max=64,
            help="So many views in memory, one of them drawn anew each epoch; the teacher runs on the training device.",
        ),
    ] = 0,
    labels_from: Annotated[
        Path | None,
        typer.Option(metavar="BUNDLE", help="Attributes of images without labels are those that this bundle predicts."),
    ] = None,
    init: Annotated[
        Path | None, typer.Option(metavar="RUN|BUNDLE", help="Start from these weights; default: random weights.")
    ] = None,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the training step: takes a minute, pays in long runs on a GPU.")
    ] = False,
    threads: Threads = None,
) -> None:
    """Train the backbone: 40 attributes, identities where the dataset has them, a teacher's embeddings if given."""
    require_extra("train", TORCH)
    from facedge.errors import InputError

    options: dict[str, Any] = {
        "faces": faces, "arch": arch, "size": size, "epochs": epochs, "batch": batch, "learning_rate": learning_rate,
        "device": device, "seed": seed, "more": more, "teachers": teacher, "teacher_inputs": teacher_input,
        "teacher_views": teacher_views, "fresh_views": fresh_views, "labels_from": labels_from, "begin_from": init,
        "compiled": compiled, "threads": threads,
    }  # fmt: skip
    if faces is None and not resume:
        raise InputError("expected FACES, the folder that `facedge prepare` wrote: give it before the options")
    _train_backbone(_request(ctx, output, options, resume=resume), f"facedge train backbone -o {output} --resume")
    if not _is_rank_zero():
        return
    run = shlex.quote(str(output))
    _console.say(
        f"next: facedge train head {run} --me DIR --others DIR -o head, or facedge export {run} -o NAME.facedge"
    )


def head(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of the backbone.")],
    output: Run,
    me: Me = None,
    others: Others = None,
    photos: Photos = None,
    aligned: Aligned = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over augmented views.")] = None,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Train a face head on a frozen backbone, which accepts one person and rejects others."""
    require_extra("train", TORCH)
    from facedge.train.face_head import HeadRequest

    _check_photos(me, others, photos)
    _train_head(HeadRequest(run, output, me, others, photos, aligned=aligned, epochs=epochs, seed=seed, device=device))
    _say_export(run, output)


class TrainGroup(TyperGroup):
    """The command group `train`: without a subcommand's name, its arguments go to the subcommand `all`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # click or typer's
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["all", *args]
        return super().parse_args(ctx, args)


def train(
    ctx: typer.Context,
    faces: Annotated[
        Path | None, typer.Argument(metavar="[FACES]", help="Folder that `facedge prepare` wrote, for the backbone.")
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder of the runs DIR/backbone and DIR/head.")
    ] = Path("runs"),
    me: Me = None,
    others: Others = None,
    photos: Photos = None,
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
    from facedge.train.face_head import HeadRequest
    from facedge.train.run_folder import CONFIG, is_finished

    _check_photos(me, others, photos)
    backbone_run, head_run = output / "backbone", output / "head"
    finished = is_finished(backbone_run)
    wants_head = me is not None or photos is not None
    if finished and not wants_head:
        raise InputError(f"{backbone_run} is trained: give --me DIR and --others DIR to train a face head on it")
    if finished:
        _console.say(f"{backbone_run} is trained already")
    elif faces is None and finished is None:
        raise InputError(f"{backbone_run} has no run yet: give FACES, the folder that `facedge prepare` wrote")
    else:
        options: dict[str, Any] = {
            "faces": faces, "arch": arch, "size": size, "epochs": epochs, "batch": batch, "device": device,
            "seed": seed, "more": more, "teachers": teacher, "teacher_inputs": teacher_input, "threads": threads,
        }  # fmt: skip
        _train_backbone(_request(ctx, backbone_run, options, resume=finished is not None), "the same command")
    if not wants_head or not _is_rank_zero():  # under torchrun one process trains the head
        return
    if (head_run / CONFIG).exists():
        _console.say(f"{head_run} is trained already")
    else:
        _train_head(HeadRequest(backbone_run, head_run, me, others, photos, aligned=aligned, seed=seed, device=device))
    _say_export(backbone_run, head_run)


def _is_rank_zero() -> bool:
    """Whether this process reports: of those that torchrun started, the first."""
    return os.environ.get("RANK", "0") == "0"


def _say_export(run: Path, head_run: Path) -> None:
    words = shlex.join(["export", str(run), "--head", str(head_run), "-o", "me.facedge"])
    _console.say(f"next: facedge {words} --faces FACES")


def _check_photos(me: Path | None, others: Path | None, photos: Path | None) -> None:
    """InputError, before hours of training, unless the folders of photos exist and are of one of the two forms."""
    from facedge.errors import InputError

    if photos is not None and (me is not None or others is not None):
        raise InputError("expected --photos, or --me and --others, got both: give one of the two")
    if (me is None) != (others is None):
        raise InputError("expected --me and --others together, got one of them: give both folders of photos")
    for option, folder in (("--me", me), ("--others", others), ("--photos", photos)):
        if folder is not None and not folder.is_dir():
            raise InputError(f"expected a folder of photos at {option} {folder}, found none: check the path")


def _request(ctx: typer.Context, run: Path, options: dict[str, Any], *, resume: bool) -> "BackboneRequest":
    """The request of these options (fields of BackboneRequest); of a run to resume, of those that were given."""
    from facedge.train.config import BackboneRequest
    from facedge.train.resume import resumed_request

    options |= {name: tuple(options[name] or ()) for name in REPEATED}
    if not resume:
        return BackboneRequest(run=run, **options)
    sources = {
        "begin_from": "init",
        "teachers": "teacher",
        "teacher_inputs": "teacher_input",
    }  # options with other names
    given = {
        name: value
        for name, value in options.items()
        if (source := ctx.get_parameter_source(sources.get(name, name))) is not None
        and (source.name == "COMMANDLINE" or (source.name == "ENVIRONMENT" and name in OF_THE_MACHINE))
    }
    return resumed_request(run, given)


def _train_backbone(request: "BackboneRequest", command: str) -> None:
    """Train, with a progress bar; `command` continues a run that ctrl-C or SIGTERM ended."""
    from facedge.train.backbone import train_backbone

    with (
        _interrupts_reported(f"{request.run} keeps what it has learnt; {command} continues"),
        _console.bar("training") as bar,
    ):
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
