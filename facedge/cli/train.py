"""`facedge train backbone` and `facedge train head`."""

from pathlib import Path
from typing import Annotated

import typer

from facedge.cli import _console

Run = Annotated[Path, typer.Option("-o", "--output", metavar="RUN", help="Folder to write the run into.")]
Seed = Annotated[int, typer.Option(envvar="FACEDGE_SEED", help="Fixes the run; on a CPU, bit for bit.")]
Threads = Annotated[
    int | None, typer.Option(envvar="FACEDGE_THREADS", min=1, help="CPU threads for torch; all cores by default.")
]


def backbone(
    faces: Annotated[Path, typer.Argument(metavar="FACES", help="Folder that `facedge prepare` wrote.")],
    output: Run,
    arch: Annotated[str, typer.Option(help="edge (the default backbone) or plain (the baseline).")] = "edge",
    size: Annotated[int | None, typer.Option(help="Side of the network's input, a multiple of 16.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the images.")] = None,
    batch: Annotated[int | None, typer.Option(min=2, help="Images a step, over all processes.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    device: Annotated[str, typer.Option(envvar="FACEDGE_DEVICE", help="auto, cpu or cuda.")] = "auto",
    seed: Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    teacher: Annotated[
        Path | None, typer.Option(metavar="T.onnx", help="A recogniser whose embeddings to learn from.")
    ] = None,
    teacher_input: Annotated[
        str | None, typer.Option(help="What the teacher wants: arcface or sface; else T.json beside it.")
    ] = None,
    teacher_views: Annotated[
        int, typer.Option(min=0, max=64, help="Blended and bent views of every image, each seen by the teacher too.")
    ] = 0,
    init: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Begin from this run's weights; default: from random ones.")
    ] = None,
    threads: Threads = None,
) -> None:
    """Train the backbone: 40 attributes, identities where the dataset has them, and a teacher by choice."""
    from facedge.train.session import BackboneRequest, run_backbone

    request = BackboneRequest(
        faces=faces,
        run=output,
        arch=arch,
        size=size,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        device=device,
        seed=seed,
        resume=resume,
        teacher=teacher,
        teacher_input=teacher_input,
        teacher_views=teacher_views,
        begin_from=init,
        threads=threads,
    )
    try:
        with _console.bar("training") as bar:
            run_backbone(
                request,
                say=_console.say,
                tick=lambda t: bar(t.step, t.steps, f"epoch {t.epoch}/{t.epochs}, {t.images_per_second:.0f} images/s"),
                track=lambda items, total: _console.track(items, "teacher", total),
            )
    except KeyboardInterrupt:
        _console.error(f"interrupted: {output} keeps its best weights; the same command with --resume goes on")
        raise typer.Exit(130) from None


def head(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of the backbone.")],
    output: Run,
    me: Annotated[Path, typer.Option(metavar="DIR", help="Photos of the person to accept.")],
    others: Annotated[Path, typer.Option(metavar="DIR", help="Photos of other people, of the same kind.")],
    aligned: Annotated[
        bool, typer.Option("--aligned", help="The photos are face crops in CelebA geometry, of any size.")
    ] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over augmented views.")] = None,
    seed: Seed = 0,
) -> None:
    """Train the face head on a frozen backbone: is this me or not?"""
    from facedge.train.session import HeadRequest, run_head

    request = HeadRequest(backbone=run, run=output, me=me, others=others, aligned=aligned, epochs=epochs, seed=seed)
    with _console.bar("training") as bar:
        run_head(request, say=_console.say, tick=lambda epoch, epochs: bar(epoch, epochs, "epochs"))
