"""`facedge verify`: is it me?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facedge.cli import _console
from facedge.cli._console import styled
from facedge.cli._options import (
    CAMERA,
    REASONS,
    AlignedOption,
    AnyFaceOption,
    AspectOption,
    CameraOption,
    ImagesArgument,
    JsonOption,
    MinFaceOption,
    PersonOption,
    RotateOption,
    ThreadsOption,
    expand,
    face_options,
    far_option,
)
from facedge.errors import ImageError
from facedge.formatting import counted, percent, printable

if TYPE_CHECKING:
    from facedge.faces.crop import Photo
    from facedge.runtime.decision import Decision
    from facedge.runtime.verifier import Verifier

EVENTS = "Commands run on a camera's events"


def _command_option(name: str, text: str) -> Any:
    return typer.Option(name, metavar="CMD", help=text, rich_help_panel=EVENTS)


def _flag(name: str, text: str) -> Any:
    return typer.Option(name, help=text, rich_help_panel=CAMERA)


def _seconds(name: str, text: str) -> Any:
    return typer.Option(name, metavar="SECONDS", min=0, help=text, rich_help_panel=CAMERA)


def verify(
    images: ImagesArgument = None,
    bundle: PersonOption = None,
    far: Annotated[float | None, far_option("the enrollment's own")] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="SCORE",
            envvar="FACEDGE_THRESHOLD",
            help="Instead of --far: accept scores from here on, 0 to 1; no error rate is known for it.",
        ),
    ] = None,
    faces: AnyFaceOption = "largest",
    min_face: MinFaceOption = None,
    aligned: AlignedOption = False,
    as_json: JsonOption = False,
    attributes: Annotated[
        bool, typer.Option("--attributes", help="With --json: add the face's 40 attributes to each line.")
    ] = False,
    threads: ThreadsOption = 1,
    camera: CameraOption = None,
    rotate: RotateOption = "auto",
    aspect: AspectOption = None,
    once: Annotated[bool, _flag("--once", "End with the first decision: exit code 0 or 1.")] = False,
    watch: Annotated[bool, _flag("--watch", "Go on after a decision; events as JSON lines on stdout.")] = False,
    timeout: Annotated[float | None, _seconds("--timeout", "End after so many seconds.")] = None,
    give_up: Annotated[float, _seconds("--give-up", "End with 2 after so many seconds without a usable frame.")] = 60.0,
    challenge: Annotated[
        bool, _flag("--challenge", "Ask for a turn of the head: more effort for printed photos, none for videos.")
    ] = False,
    show: Annotated[bool, _flag("--show", "Show the camera's pictures in a window; needs a display.")] = False,
    no_lockout: Annotated[bool, _flag("--no-lockout", "Never lock after failed attempts, and count none.")] = False,
    on_accept: Annotated[
        str | None, _command_option("--on-accept", "Run on each accept, without a shell, the event as JSON on stdin.")
    ] = None,
    on_reject: Annotated[str | None, _command_option("--on-reject", "The same for a reject.")] = None,
    on_lost: Annotated[str | None, _command_option("--on-lost", "The same for a lost camera.")] = None,
) -> None:
    """Is it me? Compare photos, or a camera's pictures, with an enrolled person.

    One line an image: accept or reject, the score, and the reason. Exit code 0: every image accepted, 1: at least one
    not, 2: an error.
    """
    from facedge.bundle.resolve import resolve_person
    from facedge.runtime.verifier import load

    given = {"accept": on_accept, "reject": on_reject, "lost": on_lost}
    commands = {kind: command for kind, command in given.items() if command is not None}
    if camera is None and (once or watch or challenge or show or no_lockout or timeout is not None or commands):
        raise typer.BadParameter(
            "--once, --watch, --timeout, --challenge, --show, --no-lockout and --on-... go with --camera SRC"
        )
    if camera is not None and images:
        raise typer.BadParameter("give images or --camera, not both")
    if attributes and not (as_json and images):
        raise typer.BadParameter("--attributes goes with --json and images; facedge attributes prints text")
    if faces == "any" and camera is not None:
        raise typer.BadParameter("--faces any is for photos: before a camera one face is followed")
    options = face_options("largest" if faces == "any" else faces, min_face)
    verifier = load(resolve_person(bundle), threshold=threshold, far=far, options=options, threads=threads)
    _ = verifier.threshold  # nobody enrolled is an error before images are looked for
    if camera is not None:
        from facedge.cli._verify_camera import LiveOptions, verify_camera

        events = watch or as_json
        verify_camera(
            verifier,
            LiveOptions(
                camera, once, events, timeout, give_up, challenge, show, commands, not no_lockout, rotate, aspect
            ),
        )
    found: list[list[Decision] | None] = []
    for probe in expand(images):
        try:
            found.append(_decisions(verifier, probe.photo, each=faces == "any", aligned=True if aligned else None))
        except ImageError as problem:
            _console.error(str(problem))
            found.append(None)
            continue
        for number, decision in enumerate(found[-1] or (), start=1):
            place = (number, len(found[-1] or ())) if faces == "any" else None
            if as_json:
                _console.emit_json(_record(probe.name, decision, place, attributes=attributes))
            else:
                print(_line(probe.name, decision, place), flush=True)
    if not as_json:
        _console.say(_summary(found))
    raise typer.Exit(exit_code(found))


def _decisions(verifier: "Verifier", photo: "Photo", *, each: bool, aligned: bool | None) -> "list[Decision]":
    """About the face that is meant, or about each face of the photo."""
    return verifier.verify_each(photo, aligned=aligned) if each else [verifier.verify(photo, aligned=aligned)]


def exit_code(found: Sequence["Sequence[Decision] | None"]) -> int:
    """0 when a face of every probe was accepted, 2 when one could not be read (None), else 1."""
    if any(decisions is None for decisions in found):
        return 2
    return 0 if found and all(any(one.accepted for one in decisions or ()) for decisions in found) else 1


def _record(probe: str, decision: "Decision", place: tuple[int, int] | None, *, attributes: bool) -> dict[str, Any]:
    """The JSON line of a decision; place: (number of the face, faces judged) where each face is judged."""
    record = decision.to_record(probe, attributes=attributes)
    if place is None:
        return record
    picture = decision.far.of_faces(place[1])
    return record | {"face": place[0], "far_of_picture": {"target": picture.target, "upper95": picture.upper95}}


def _line(probe: str, decision: "Decision", place: tuple[int, int] | None) -> str:
    answer = styled("accept", "green") if decision.accepted else styled("reject", "red")
    score = f"{decision.score:.4f}" if decision.score is not None else "     -"
    notes = [REASONS[decision.reason]] if decision.reason else []
    if place is not None and place[1] > 1 and decision.box is not None:
        notes.append(f"face {place[0]} of {place[1]}, at {_middle(decision.box)}")
    if decision.others:
        notes.append(f"{_others(decision.others)}, at {' and '.join(map(_middle, decision.not_judged))}")
    return "  ".join((answer, score, printable(probe), *(styled(note, "dim") for note in notes)))


def _middle(box: tuple[float, float, float, float]) -> str:
    """The middle of a face in pixels of the photo, such as "410,128"."""
    return f"{(box[0] + box[2]) / 2:.0f},{(box[1] + box[3]) / 2:.0f}"


def _others(count: int) -> str:
    """Such as "2 other faces not judged"."""
    return f"{counted(count, 'other face')} not judged"


def _summary(found: Sequence["Sequence[Decision] | None"]) -> str:
    read = [decisions for decisions in found if decisions]
    flat = [decision for decisions in read for decision in decisions]
    parts = [f"{sum(any(one.accepted for one in decisions) for decisions in read)} of {len(found)} accepted"]
    if len(read) < len(found):
        parts.append(f"{len(found) - len(read)} could not be read")
    if others := sum(decision.others for decision in flat):
        parts.append(_others(others))
    if flat:
        most = max(map(len, read))
        parts.append(f"threshold {flat[0].threshold:.4f}")
        far = flat[0].far.of_faces(most)
        of = f" for a picture with {counted(most, 'face')}" if most > 1 else ""
        if far.target is not None:
            parts.append(f"FAR {percent(far.target)} asked{of}, at most {percent(far.upper95)} with 95 % confidence")
        times = sorted(sum(sum(decision.ms.values()) for decision in decisions) for decisions in read)
        parts.append(f"{times[len(times) // 2]:.1f} ms an image")
    return " · ".join(parts)
