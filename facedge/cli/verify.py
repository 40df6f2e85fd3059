"""`facedge verify`: is it me?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from facedge.cli import _console
from facedge.cli._console import styled
from facedge.cli._options import (
    REASONS,
    AlignedOption,
    AspectOption,
    CameraOption,
    FacesOption,
    FarOption,
    ImagesArgument,
    JsonOption,
    MinFaceOption,
    PersonOption,
    RotateOption,
    ThreadsOption,
    expand,
    face_options,
)
from facedge.errors import ImageError
from facedge.formatting import printable

if TYPE_CHECKING:
    from facedge.runtime.decision import Decision

CommandOption = Annotated[
    str | None,
    typer.Option(
        "--on-accept",
        metavar="CMD",
        help="With --camera: a command to run on each accept, without a shell, the event as JSON on its stdin.",
    ),
]


def verify(
    images: ImagesArgument = None,
    bundle: PersonOption = None,
    far: FarOption = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", envvar="FACEDGE_THRESHOLD", help="Accept scores from here on, 0 to 1."),
    ] = None,
    faces: FacesOption = "largest",
    min_face: MinFaceOption = None,
    aligned: AlignedOption = False,
    as_json: JsonOption = False,
    threads: ThreadsOption = 1,
    camera: CameraOption = None,
    rotate: RotateOption = "auto",
    aspect: AspectOption = None,
    once: Annotated[bool, typer.Option("--once", help="With --camera: end with the first decision, 0 or 1.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="With --camera: events as JSON lines on stdout.")] = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0, help="With --camera: end after so many seconds.")
    ] = None,
    give_up: Annotated[
        float, typer.Option("--give-up", min=0, help="End after so many seconds without a usable frame.")
    ] = 60.0,
    challenge: Annotated[
        bool,
        typer.Option(
            "--challenge", help="Ask for a turn of the head: more effort for printed photos, none for videos."
        ),
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="With --camera: a window; needs a display.")] = False,
    on_accept: CommandOption = None,
    on_reject: Annotated[str | None, typer.Option("--on-reject", metavar="CMD", help="The same for a reject.")] = None,
    on_lost: Annotated[str | None, typer.Option("--on-lost", metavar="CMD", help="The same for a lost camera.")] = None,
    no_lockout: Annotated[
        bool, typer.Option("--no-lockout", help="With --camera: never lock after failed attempts, and count none.")
    ] = False,
) -> None:
    """Is it me? Exit code 0: every image accepted, 1: at least one not, 2: an error."""
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
    options = face_options(faces, min_face)
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
    decisions: list[Decision | None] = []
    for probe in expand(images):
        try:
            decision = verifier.verify(probe.photo, aligned=True if aligned else None)
        except ImageError as problem:
            _console.error(str(problem))
            decisions.append(None)
            continue
        decisions.append(decision)
        _print(probe.name, decision, as_json)
    if not as_json:
        _console.say(_summary(decisions))
    raise typer.Exit(exit_code(decisions))


def exit_code(decisions: Sequence["Decision | None"]) -> int:
    """0 when every probe was accepted, 2 when one could not be read, else 1."""
    if any(decision is None for decision in decisions):
        return 2
    return 0 if decisions and all(decision is not None and decision.accepted for decision in decisions) else 1


def _print(probe: str, decision: "Decision", as_json: bool) -> None:
    if as_json:
        _console.emit_json(decision.to_record(probe))
        return
    answer = styled("accept", "green") if decision.accepted else styled("reject", "red")
    score = f"{decision.score:.4f}" if decision.score is not None else "     -"
    why = f"  {styled(REASONS[decision.reason], 'dim')}" if decision.reason else ""
    others = f"  {styled(_others(decision.others), 'dim')}" if decision.others else ""
    print(f"{answer}  {score}  {printable(probe)}{why}{others}", flush=True)


def _others(count: int) -> str:
    """Such as "2 other faces not judged"."""
    from facedge.formatting import counted

    return f"{counted(count, 'other face')} not judged"


def _summary(decisions: Sequence["Decision | None"]) -> str:
    from facedge.formatting import percent

    read = [decision for decision in decisions if decision is not None]
    parts = [f"{sum(decision.accepted for decision in read)} of {len(decisions)} accepted"]
    if len(read) < len(decisions):
        parts.append(f"{len(decisions) - len(read)} could not be read")
    if others := sum(decision.others for decision in read):
        parts.append(_others(others))
    if read:
        parts.append(f"threshold {read[0].threshold:.4f}")
        far = read[0].far
        if far.target is not None:
            parts.append(f"FAR {percent(far.target)} asked, at most {percent(far.upper95)} with 95 % confidence")
        times = sorted(sum(decision.ms.values()) for decision in read)
        parts.append(f"{times[len(times) // 2]:.1f} ms an image")
    return " · ".join(parts)
