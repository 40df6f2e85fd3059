"""`facedge prepare`: decode a data set once."""

import shlex
import time
from pathlib import Path

import typer

from facedge.cli import _console
from facedge.cli._options import MinFaceOption, rate

_SHOWN = 10  # skipped files that are printed; faces.json lists all


def prepare(
    source: Path = typer.Argument(
        metavar="CELEBA_DIR",
        help="Folder with img_align_celeba (a folder or a .zip) and the label files; "
        "with --unlabelled any folder or .zip of faces.",
    ),
    output: Path = typer.Option(
        ..., "-o", "--output", metavar="FACES", help="Folder to write; an interrupted run is resumed."
    ),
    workers: int = typer.Option(0, min=0, envvar="FACEDGE_WORKERS", help="Processes that decode; 0: one per CPU core."),
    max_bad: float = typer.Option(
        0.01,
        parser=rate,
        metavar="RATE",
        help="Share of the listed images that may be missing or broken, such as 1% or 0.01.",
        show_default="1%",
    ),
    detect: bool = typer.Option(
        False, "--detect", help="The images are photos: find and align each one's largest face."
    ),
    min_face: MinFaceOption = None,
    unlabelled: bool = typer.Option(
        False,
        "--unlabelled",
        help="Faces without CelebA's labels, for `train backbone --more`: a sub-folder is one person.",
    ),
    attributes: Path | None = typer.Option(
        None, metavar="LIST", help="With --unlabelled: attributes, in the format of list_attr_celeba.txt."
    ),
    identities: Path | None = typer.Option(
        None,
        metavar="LIST",
        help="With --unlabelled: identities, in the format of identity_CelebA.txt and the numbering of FACES.",
    ),
    limit: int | None = typer.Option(None, min=1, help="Prepare at most so many images: whole people, in proportion."),
) -> None:
    """Decode a data set of faces once, for training and evaluation.

    CelebA in its official or Kaggle's form, as a folder or .zip, or with --detect any labelled photos.
    """
    from facedge.dataset.prepare import Unlabelled, prepare_faces
    from facedge.errors import InputError
    from facedge.faces.options import MIN_FACE
    from facedge.image_folders import unread_note
    from facedge.machine import usable_cores

    if (attributes or identities) and not unlabelled:
        raise InputError(
            "--attributes and --identities go with --unlabelled: CelebA's own files are found by their names"
        )
    if unlabelled and source.is_dir() and (note := unread_note(source)):
        _console.say(note)
    started = time.perf_counter()
    try:
        done = prepare_faces(
            source,
            output,
            unlabelled=Unlabelled(attributes, identities) if unlabelled else None,
            workers=workers or usable_cores(),
            max_bad=max_bad,
            limit=limit,
            min_face=(min_face or MIN_FACE) if detect else None,
            track=_console.track,
        )
    except KeyboardInterrupt:
        _console.error(f"interrupted: run the same command again to resume in {output}")
        raise typer.Exit(130) from None
    for note in done.notes:
        _console.say(f"note: {note}")
    _warn_skipped(done.skipped)
    _print_counts(done.faces.info["counts"], done.resumed_at, output, time.perf_counter() - started)
    more = shlex.quote(str(output))
    step = f"FACES --more {more}" if unlabelled else more
    _console.say(f"next: facedge train backbone {step} -o backbone")


def _warn_skipped(skipped: tuple[tuple[str, str], ...]) -> None:
    for name, reason in skipped[:_SHOWN]:
        _console.warn(f"skipped {name}: {reason}")
    if len(skipped) > _SHOWN:
        _console.warn(f"skipped {len(skipped) - _SHOWN:,} more: faces.json lists them all")


def _print_counts(counts: dict[str, dict[str, int]], resumed_at: int, out: Path, seconds: float) -> None:
    images = sum(side["images"] for side in counts.values())
    sides = ", ".join(f"{side['images']:,} {name} ({side['identities']:,} identities)" for name, side in counts.items())
    before = f", {resumed_at:,} images were done before" if resumed_at else ""
    _console.say(f"{out}: {images:,} faces ready in {seconds:.1f} s{before}: {sides}")
