"""Options that several commands share, so that they read and behave the same everywhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from facedge.detection import Policy

BundleOption = Annotated[
    Path | None,
    typer.Option("--bundle", "-b", envvar="FACEDGE_BUNDLE", help="Bundle to use; the package's own by default."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout, nothing else.")]
ThreadsOption = Annotated[
    int, typer.Option("--threads", envvar="FACEDGE_THREADS", min=1, max=256, help="CPU threads to use.")
]
AlignedOption = Annotated[
    bool, typer.Option("--aligned", help="The images are crops in CelebA geometry: do not look for faces.")
]
FacesOption = Annotated[
    str,
    typer.Option("--faces", envvar="FACEDGE_FACES", help="Which face of several: largest, center, or only (refuse)."),
]
MinFaceOption = Annotated[
    float | None,
    typer.Option(
        "--min-face",
        envvar="FACEDGE_MIN_FACE",
        min=0.005,
        help="Smallest face to look for: below 1 a share of the photo's longer side (default 0.075), else pixels.",
    ),
]


def chosen_bundle(bundle: Path | None) -> Path:
    """The bundle that was named, or the one inside the package."""
    if bundle is not None:
        return bundle
    from facedge.bundle.pretrained import pretrained

    return pretrained()


def chosen_person(bundle: Path | None) -> Path:
    """The bundle or person that was named, the only person enrolled here, or the bundle inside the package."""
    from facedge.runtime.enrollment import home

    found = home.resolve(bundle)
    return found if found is not None else chosen_bundle(None)


def chosen_faces(faces: str) -> "Policy":
    """`faces` as the type that the runtime wants; a usage error for another word."""
    for policy in ("largest", "center", "only"):
        if faces == policy:
            return policy
    raise typer.BadParameter(f"expected largest, center or only, got {faces!r}", param_hint="--faces")
