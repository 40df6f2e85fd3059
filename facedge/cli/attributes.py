"""`facedge attributes`: the attributes of a face, from the backbone."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from facedge.cli import _console
from facedge.cli._console import styled
from facedge.cli._options import (
    REASONS,
    AlignedOption,
    BundleOption,
    FacesOption,
    ImagesArgument,
    JsonOption,
    MinFaceOption,
    ThreadsOption,
    expand,
    face_options,
)
from facedge.errors import ImageError

if TYPE_CHECKING:
    from facedge.runtime.embedder import FaceEmbedding


def attributes(
    images: ImagesArgument = None,
    bundle: BundleOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Show unlikely attributes too.")] = False,
    faces: FacesOption = "largest",
    min_face: MinFaceOption = None,
    aligned: AlignedOption = False,
    as_json: JsonOption = False,
    threads: ThreadsOption = 1,
) -> None:
    """Attributes of a face, such as Smiling or Eyeglasses, with their probabilities.

    Exit code 0: every image shows a usable face, 1: at least one does not, 2: an error.
    """
    from facedge.bundle import read_bundle
    from facedge.bundle.resolve import resolve_bundle
    from facedge.runtime.embedder import Embedder, embed_photo

    embedder = Embedder(read_bundle(resolve_bundle(bundle)), threads=threads)
    options = face_options(faces, min_face)
    worst = 0
    for probe in expand(images):
        try:
            found = embed_photo(embedder, probe.photo, options, aligned=True if aligned else None)
        except ImageError as problem:
            _console.error(str(problem))
            worst = 2
            continue
        worst = max(worst, 1 if found.reason else 0)
        if as_json:
            _console.emit_json(_record(probe.name, found))
        else:
            print(_text(probe.name, found, everything), flush=True)
    raise typer.Exit(worst)


def _record(probe: str, found: "FaceEmbedding") -> dict[str, Any]:
    box, landmarks = found.located.box, found.located.landmarks
    return {
        "probe": probe,
        "reason": found.reason,
        "attributes": {name: round(value, 6) for name, value in found.attributes.items()},
        "box": list(box) if box is not None else None,
        "landmarks": [list(point) for point in landmarks] if landmarks is not None else None,
        "ms": {stage: round(value, 3) for stage, value in found.ms.items()},
    }


def _text(probe: str, found: "FaceEmbedding", everything: bool) -> str:
    from facedge.formatting import label_text, percent

    title = styled(probe, "bold")
    if found.reason:
        return f"{title}\n  {REASONS[found.reason]}"
    ranked = sorted(found.attributes.items(), key=lambda item: -item[1])
    shown = [(label_text(name), value) for name, value in ranked if everything or value >= 0.5]
    if not shown:
        return f"{title}\n  none is likely; the likeliest is {label_text(ranked[0][0])} at {percent(ranked[0][1])}"
    width = max(len(name) for name, _ in shown)
    lines = [f"  {name:<{width}}  {percent(value):>7}  {'▇' * round(20 * value)}" for name, value in shown]
    return "\n".join([title, *lines])
