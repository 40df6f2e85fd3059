"""`facedge compare`: whether two photos show the same person, with nobody enrolled."""

from typing import TYPE_CHECKING, Annotated

import typer

from facedge.cli import _console
from facedge.cli._console import styled
from facedge.cli._options import (
    BundleOption,
    FacesOption,
    JsonOption,
    ThreadsOption,
    face_options,
    far_option,
    one_photo,
)

if TYPE_CHECKING:
    from facedge.runtime.decision import Decision


def compare(
    first: Annotated[str, typer.Argument(metavar="PHOTO", help="A photo, or - for one on stdin.")],
    second: Annotated[str, typer.Argument(metavar="PHOTO", help="Another photo.")],
    bundle: BundleOption = None,
    far: Annotated[float, far_option("0.1%")] = 0.001,
    faces: FacesOption = "largest",
    as_json: JsonOption = False,
    threads: ThreadsOption = 1,
) -> None:
    """Do two photos show the same person? Nobody needs to be enrolled.

    Exit code 0: the same person, 1: not, or undecided, 2: an error.
    """
    from facedge.bundle import read_bundle
    from facedge.bundle.resolve import resolve_bundle
    from facedge.enrollment.compare import decide, embed_both
    from facedge.errors import InputError

    if (first, second) == ("-", "-"):
        raise InputError("expected - once, since stdin holds one image: name the other photo")
    base = read_bundle(resolve_bundle(bundle))
    photos = (one_photo(first), one_photo(second))
    one, other = embed_both(base, photos, face_options(faces), threads=threads)
    decision = decide(base, one, other, far=far)
    unusable = first if one.reason else second if other.reason else None
    if as_json:
        record = decision.to_record("")
        kept = ("decision", "reason", "score", "threshold", "far", "ms")
        _console.emit_json({"photos": [first, second], "unusable": unusable} | {key: record[key] for key in kept})
    else:
        print(_line(decision, unusable), flush=True)
    raise typer.Exit(0 if decision.accepted else 1)


def _line(decision: "Decision", unusable: str | None) -> str:
    from facedge.cli._options import REASONS
    from facedge.formatting import percent, printable, rate

    if unusable is not None:
        return f"{styled('undecided', 'yellow')}  {printable(unusable)}: {REASONS[decision.reason or 'no_face']}"
    answer = styled("same person", "green") if decision.accepted else styled("not the same person", "red")
    far = decision.far
    return (
        f"{answer}  score {decision.score:.4f}, threshold {decision.threshold:.4f} for a FAR of "
        f"{rate(far.target or 0.0)} (at most {percent(far.upper95)} with 95 % confidence)"
    )
