"""`facedge verify`: is it me?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedge.cli import _console
from facedge.cli._options import (
    AlignedOption,
    BundleOption,
    FacesOption,
    JsonOption,
    MinFaceOption,
    ThreadsOption,
    chosen_faces,
    chosen_person,
)
from facedge.cli._style import percent, styled

if TYPE_CHECKING:
    from facedge.runtime.decision import Decision

WHY = {
    "no_face": "no face found",
    "many_faces": "more than one face",
    "low_quality": "too flat or dark to tell",
    "below_threshold": "not alike enough",
}


def verify(
    images: Annotated[
        list[Path] | None, typer.Argument(help="Images, or folders of images.", show_default=False)
    ] = None,
    bundle: BundleOption = None,
    far: Annotated[
        float | None,
        typer.Option("--far", envvar="FACEDGE_FAR", help="False accept rate to decide at, such as 0.001."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", envvar="FACEDGE_THRESHOLD", help="Accept scores from here on, 0 to 1."),
    ] = None,
    faces: FacesOption = "largest",
    min_face: MinFaceOption = None,
    aligned: AlignedOption = False,
    as_json: JsonOption = False,
    threads: ThreadsOption = 1,
    camera: Annotated[
        str | None,
        typer.Option("--camera", help="Camera: 0, /dev/video0, a video file, an http or rtsp URL, picamera."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="With --camera: end with the first decision, 0 or 1.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="With --camera: events as JSON lines on stdout.")] = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0, help="With --camera: end after so many seconds.")
    ] = None,
    give_up: Annotated[
        float, typer.Option("--give-up", min=0, help="Seconds to wait for a camera that went away.")
    ] = 60.0,
    challenge: Annotated[
        bool,
        typer.Option("--challenge", help="Ask for a turn of the head: more effort for a photo, no proof of life."),
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="With --camera: a window; needs a display.")] = False,
) -> None:
    """Is it me? Exit code 0: every image accepted, 1: at least one not, 2: an error."""
    from facedge.cli._probes import answered, expand
    from facedge.runtime.verifier import load

    if camera is None and (once or watch or challenge or show or timeout is not None):
        raise typer.BadParameter("--once, --watch, --timeout, --challenge and --show go with --camera SRC")
    person, policy = chosen_person(bundle), chosen_faces(faces)
    verifier = load(person, threshold=threshold, far=far, faces=policy, min_face=min_face, threads=threads)
    _ = verifier.threshold  # nobody enrolled: say so before looking for images
    if camera is not None:
        from facedge.cli._verify_camera import LiveOptions, verify_camera

        if images:
            raise typer.BadParameter("give images or --camera, not both")
        options = LiveOptions(camera, once, watch or as_json, timeout, give_up, challenge, show)
        verify_camera(verifier, options)
    probes = expand(images or [])
    decisions: list[Decision | None] = []
    for probe, decision in answered(probes, lambda p: verifier.verify(p, aligned=True if aligned else None)):
        decisions.append(decision)
        if decision is not None and as_json:
            _console.emit_json(decision.to_record(str(probe)))
        elif decision is not None:
            print(_line(probe, decision), flush=True)
    if not as_json:
        _console.say(_summary(decisions))
    raise typer.Exit(exit_code(decisions))


def exit_code(decisions: Sequence["Decision | None"]) -> int:
    """0 when every probe was accepted, 2 when one could not be read, else 1."""
    if any(decision is None for decision in decisions):
        return 2
    return 0 if decisions and all(decision is not None and decision.accepted for decision in decisions) else 1


def _line(probe: Path, decision: "Decision") -> str:
    word = styled("accept", "green") if decision.accepted else styled("reject", "red")
    score = f"{decision.score:.4f}" if decision.score is not None else "     -"
    why = f"  {styled(WHY[decision.reason], 'dim')}" if decision.reason else ""
    return f"{word}  {score}  {probe}{why}"


def _summary(decisions: Sequence["Decision | None"]) -> str:
    read = [decision for decision in decisions if decision is not None]
    parts = [f"{sum(decision.accepted for decision in read)} of {len(decisions)} accepted"]
    if len(read) < len(decisions):
        parts.append(f"{len(decisions) - len(read)} could not be read")
    if read:
        parts.append(f"threshold {read[0].threshold:.4f}")
        far = read[0].far
        if far.target is not None:
            parts.append(f"FAR {percent(far.target)} asked, at most {percent(far.upper95)} with 95 % confidence")
        times = sorted(sum(decision.ms.values()) for decision in read)
        parts.append(f"{times[len(times) // 2]:.1f} ms an image")
    return " · ".join(parts)
