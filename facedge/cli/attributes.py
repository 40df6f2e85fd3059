"""`facedge attributes`: what the backbone reads off a face."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facedge.cli import _console
from facedge.cli._options import (
    AlignedOption,
    BundleOption,
    FacesOption,
    JsonOption,
    MinFaceOption,
    ThreadsOption,
    chosen_bundle,
    chosen_faces,
)
from facedge.cli._style import percent, styled
from facedge.cli.verify import WHY

if TYPE_CHECKING:
    from facedge.runtime.seeing import Seen


def attributes(
    images: Annotated[list[Path], typer.Argument(help="Images, or folders of images.", show_default=False)],
    bundle: BundleOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Show unlikely attributes too.")] = False,
    faces: FacesOption = "largest",
    min_face: MinFaceOption = None,
    aligned: AlignedOption = False,
    as_json: JsonOption = False,
    threads: ThreadsOption = 1,
) -> None:
    """The attributes of a face with their probabilities. Exit code 1: an image shows no face to read."""
    from facedge.bundle import read_bundle
    from facedge.cli._probes import answered, expand
    from facedge.runtime.embedder import Embedder
    from facedge.runtime.seeing import see

    embedder = Embedder(read_bundle(chosen_bundle(bundle)), threads=threads)
    policy = chosen_faces(faces)
    worst = 0
    probes = expand(images)
    look = partial(see, embedder, faces=policy, aligned=True if aligned else None, min_face=min_face)
    for probe, seen in answered(probes, look):
        worst = max(worst, 2 if seen is None else 1 if seen.reason else 0)
        if seen is not None and as_json:
            _console.emit_json(_record(probe, seen))
        elif seen is not None:
            print(_text(probe, seen, everything), flush=True)
    raise typer.Exit(worst)


def _record(probe: Path, seen: "Seen") -> dict[str, Any]:
    found = seen.located
    return {
        "probe": str(probe),
        "reason": seen.reason,
        "attributes": {name: round(value, 6) for name, value in seen.attributes.items()},
        "box": list(found.box) if found.box is not None else None,
        "landmarks": [list(point) for point in found.landmarks] if found.landmarks is not None else None,
        "ms": {stage: round(value, 3) for stage, value in seen.ms.items()},
    }


def _text(probe: Path, seen: "Seen", everything: bool) -> str:
    title = styled(str(probe), "bold")
    if seen.reason:
        return f"{title}\n  {WHY[seen.reason]}"
    ranked = sorted(seen.attributes.items(), key=lambda item: -item[1])
    shown = [(name, value) for name, value in ranked if everything or value >= 0.5]
    if not shown:
        return f"{title}\n  none is likely; the likeliest is {ranked[0][0]} at {percent(ranked[0][1])}"
    width = max(len(name) for name, _ in shown)
    lines = [f"  {name.replace('_', ' '):<{width}}  {percent(value):>5}  {_bar(value)}" for name, value in shown]
    return "\n".join([title, *lines])


def _bar(value: float) -> str:
    return "▇" * round(20 * value)
