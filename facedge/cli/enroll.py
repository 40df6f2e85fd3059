"""`facedge enroll`: a person's own bundle, from photos or a camera, without torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedge.cli import _console
from facedge.cli._options import (
    AspectOption,
    BundleOption,
    CameraOption,
    FacesOption,
    FarOption,
    JsonOption,
    RotateOption,
    ThreadsOption,
    face_options,
)

if TYPE_CHECKING:
    from facedge.camera.adjust import Adjustment
    from facedge.enrollment.capture import CheckedPhoto
    from facedge.enrollment.enroll import Enrollment
    from facedge.faces.options import FaceOptions
    from facedge.runtime.embedder import Embedder


def enroll(
    name: Annotated[str, typer.Argument(help="The person's name.")],
    photos: Annotated[Path | None, typer.Option("--from", help="Folder of photos of this person.")] = None,
    camera: CameraOption = None,
    rotate: RotateOption = "auto",
    aspect: AspectOption = None,
    bundle: BundleOption = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write here; by default into the private data directory.")
    ] = None,
    far: FarOption = None,
    impostors: Annotated[
        Path | None,
        typer.Option("--impostors", help="Folder of photos of family and housemates, a folder each."),
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Add to the samples of this enrolled person.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace this enrolled person.")] = False,
    faces: FacesOption = "only",
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.5, help="How long to take frames from a camera at most.")
    ] = 30.0,
    samples: Annotated[int, typer.Option("--samples", min=1, max=200, help="Samples to keep at most.")] = 20,
    as_json: JsonOption = False,
    threads: ThreadsOption = 1,
) -> None:
    """Enroll a person: keep good and varied photos, fit the head, set a threshold with evidence."""
    from facedge.bundle.resolve import bundle_path, person_name
    from facedge.camera.adjust import parse_adjustment
    from facedge.enrollment import store
    from facedge.enrollment.capture import check_photos
    from facedge.enrollment.enroll import enroll_checked, open_base
    from facedge.errors import InputError

    if (photos is None) == (camera is None):
        raise InputError("name where the photos come from: --from DIR or --camera SRC, one of them")
    if update and replace:
        raise InputError("--update adds to the samples of a person, --replace drops them: give one of the two")
    target = output or bundle_path(name)
    if not update:
        store.refuse_occupied(target, replace=replace)
    options = face_options(faces)
    base = open_base(None if update else bundle, onto=(output or name) if update else None, threads=threads)
    if camera is not None:
        adjustment = parse_adjustment(rotate, aspect)
        checked = _frames(base.embedder, camera, options, adjustment, seconds=seconds, wanted=samples)
    else:
        checked = check_photos(base.embedder, photos, options, _console.track)
    made = enroll_checked(base, checked, far=far, impostors=impostors, samples=samples, where=f"{photos or camera}: ")
    for source, reason in made.skipped:
        _console.say(f"left out: {source}: {reason}")
    called = person_name(target.name) if output is None else person_name(name)
    made = made.save(target, replace=replace, name=called)
    for warning in made.warnings:
        _console.warn(warning)
    if as_json:
        _console.emit_json({"bundle": str(made.path), "threshold": made.fitted.threshold, **made.figures()})
    else:
        print("\n".join(_report(made, called)))


def _frames(
    embedder: "Embedder",
    camera: str,
    options: "FaceOptions",
    adjustment: "Adjustment",
    *,
    seconds: float,
    wanted: int,
) -> "list[CheckedPhoto]":
    """Frames of a camera until enough varied ones are kept, `seconds` are over, or a recording ends.

    The person is advised on stderr meanwhile.
    """
    from facedge.camera.adjust import adjusted
    from facedge.camera.streams import open_camera
    from facedge.enrollment.capture import CheckedPhoto, Guide
    from facedge.errors import InputError
    from facedge.faces.plausible import DOUBT, REFUSAL, squeeze_fault

    guide = Guide(embedder, wanted=wanted, options=options)
    with adjusted(open_camera(camera), adjustment, _console.say) as source, _console.bar("enrolling") as show:
        first: float | None = None
        while not source.ended and not guide.done:
            frame = source.next()
            for event in source.events():
                _console.say(event.message)
            if frame is None:
                continue
            first = frame.seconds if first is None else first
            if frame.seconds - first >= seconds:
                break
            advice = guide.add_frame(frame.image, f"{camera} at {frame.seconds:.2f} s")
            show(len(guide.kept), wanted, advice)
            if guide.advice_is_new:
                _console.say(advice)
    if squeezed := squeeze_fault(guide.stretch, REFUSAL):
        raise InputError(f"{camera}: {squeezed}")
    if doubt := squeeze_fault(guide.stretch, DOUBT):
        _console.warn(doubt)
    if not guide.kept:
        raise InputError(f"{camera}: no frame was good enough to enroll with ({guide.faults}): try again")
    _console.say(f"checked {guide.frames} frames, {guide.good} good, {len(guide.kept)} different enough")
    return [CheckedPhoto(sample.source, sample, None) for sample in guide.kept]


def _report(made: "Enrollment", name: str) -> list[str]:
    """The result and its error rates, line by line."""
    from facedge.formatting import counted, interval, percent, rate

    found, estimate = made.fitted, made.fitted.point.estimate
    lines = [
        f"enrolled {name} with {counted(found.samples, 'sample')}: {made.path}",
        f"threshold {found.threshold:.4f} for a FAR of {rate(found.point.target)}: "
        f"{interval(estimate.low95, estimate.high95)} with 95 % confidence",
        f"behind it: {estimate.identities:,} people enrolled in turn, {estimate.comparisons:,} impostor comparisons",
        f"of everybody in the cohort, {counted(found.passed_identities, 'person', 'people')} "
        f"({counted(found.passed, 'image')}) would pass as {name}",
    ]
    if found.own_impostors:
        lines.append(f"of your own impostors' {counted(found.own_impostors, 'photo')}, {found.own_passed} would pass")
    if found.frr is not None:
        share, low, high = found.frr
        lines.append(f"refuses {percent(share)} of the samples when held out ({interval(low, high)})")
    lines.append(f"refuses {percent(found.cohort_frr)} of the photos of cohort people who are enrolled like this")
    lines.append(f"the score is a probability with a calibration error of {found.calibration_error:.3f}")
    return lines
