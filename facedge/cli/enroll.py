"""`facedge enroll`: a person's own bundle, from photos or a camera, without torch."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedge.cli import _console
from facedge.cli._options import (
    CAMERA,
    PHOTOS,
    AspectOption,
    BundleOption,
    CameraOption,
    FacesOption,
    JsonOption,
    RotateOption,
    ThreadsOption,
    face_options,
    far_option,
    one_photo,
)

if TYPE_CHECKING:
    from facedge.camera.adjust import Adjustment
    from facedge.enrollment.capture import CheckedPhoto
    from facedge.enrollment.enroll import Enrollment
    from facedge.faces.options import FaceOptions
    from facedge.runtime.embedder import Embedder


def enroll(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The person's name.")],
    photos: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Folder of photos of this person, or - for one on stdin.",
            rich_help_panel=PHOTOS,
        ),
    ] = None,
    camera: CameraOption = None,
    rotate: RotateOption = "auto",
    aspect: AspectOption = None,
    bundle: BundleOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="NEW.facedge", help="Write there.", show_default="the private data directory"
        ),
    ] = None,
    far: Annotated[float | None, far_option("0.1%, or the lowest that the cohort supports")] = None,
    impostors: Annotated[
        Path | None,
        typer.Option(
            "--impostors",
            metavar="DIR",
            help="Folder of photos of family and housemates, a folder each: the threshold is raised above them.",
            rich_help_panel=PHOTOS,
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            metavar="FILE",
            help="Leave out this photo, by name or path; repeatable.",
            rich_help_panel=PHOTOS,
        ),
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Add to the samples of this enrolled person.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace this enrolled person.")] = False,
    faces: FacesOption = "only",
    seconds: Annotated[
        float,
        typer.Option(
            "--seconds", metavar="SECONDS", min=0.5, help="Take frames at most so long.", rich_help_panel=CAMERA
        ),
    ] = 30.0,
    samples: Annotated[
        int, typer.Option("--samples", metavar="N", min=1, max=200, help="Photos or frames to keep at most.")
    ] = 20,
    as_json: JsonOption = False,
    threads: ThreadsOption = 1,
) -> None:
    """Enroll a person, from photos or a camera.

    Keeps good and varied photos, averages their embeddings, and sets the threshold from other people
    whose faces come with facedge. Images are not stored. -v shows the evidence behind the error rates.
    """
    from facedge.bundle.resolve import bundle_path, check_data_home, data_home, person_name
    from facedge.camera.adjust import parse_adjustment
    from facedge.enrollment import store
    from facedge.enrollment.capture import check_photos
    from facedge.enrollment.enroll import enroll_checked, open_base
    from facedge.errors import InputError
    from facedge.formatting import printable
    from facedge.image_folders import unread_note

    if (photos is None) == (camera is None):
        raise InputError("name where the photos come from: --from DIR or --camera SRC, one of them")
    if update and replace:
        raise InputError("--update adds to the samples of a person, --replace drops them: give one of the two")
    if camera is not None and without:
        raise InputError("--without names a photo, and a camera has none: give --from DIR, or leave it out")
    target = output or bundle_path(name)
    if target.parent == data_home():
        check_data_home()  # before any work
    if not update:
        store.refuse_occupied(target, replace=replace)
    for folder in (photos, impostors):
        if folder is not None and folder.is_dir() and (note := unread_note(folder)):
            _console.say(note)
    options = face_options(faces)
    base = open_base(None if update else bundle, onto=(output or name) if update else None, threads=threads)
    if camera is not None:
        adjustment = parse_adjustment(rotate, aspect)
        checked = _frames(base.embedder, camera, options, adjustment, seconds=seconds, wanted=samples)
    else:
        given = one_photo("-") if str(photos) == "-" else photos
        checked = check_photos(base.embedder, given, options, _console.track)
    made = enroll_checked(
        base,
        checked,
        far=far,
        impostors=impostors,
        samples=samples,
        without=without or (),
        where=f"{photos or _shown(camera)}: ",
        frames=camera is not None,
    )
    for source, reason in made.skipped:
        _console.say(f"left out: {source}: {reason}")
    if made.skipped:
        _console.say(f"left out {len(made.skipped):,} of {len(checked):,} photos")
    called = person_name(target.name) if output is None else person_name(name)
    made = made.save(target, replace=replace, name=called)
    for warning in made.warnings:
        _console.warn(warning)
    if as_json:
        left_out = [{"photo": source, "reason": reason} for source, reason in made.skipped]
        record = {"bundle": str(made.path), "threshold": made.fitted.threshold, **made.figures(), "left_out": left_out}
        _console.emit_json(record)
    else:
        for line in _summary(made, called):
            print(printable(line))
        for line in _details(made, called) if _console.verbose() else ():
            _console.say(printable(line))
        _console.say(f"next: facedge verify PHOTO -b {shlex.quote(str(output.resolve() if output else name))}")


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
    from facedge.enrollment.guide import Guide
    from facedge.errors import InputError

    guide, shown = Guide(embedder, wanted=wanted, options=options), _shown(camera)
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
            advice = guide.add_frame(frame.image, f"{shown} at {frame.seconds:.2f} s", frame.seconds)
            show(len(guide.kept), wanted, advice)
            if guide.advice_is_new:
                _console.say(advice)
    if not guide.kept:
        raise InputError(f"{shown}: no frame was good enough to enroll with ({guide.faults}): try again")
    _console.say(
        f"checked {guide.frames} frames, {guide.good} good ones of one face, {len(guide.kept)} different enough"
    )
    if guide.starts:
        _console.say(f"started over {guide.starts} times: only the face that was there longest is enrolled")
    return guide.checked()


def _shown(camera: str | None) -> str:
    """A camera as it may be shown: without the password of a URL."""
    from facedge.camera.source import parse_source

    return parse_source(camera or "").shown


def _summary(made: "Enrollment", name: str) -> list[str]:
    """Who is enrolled, and what the error rates mean, in three lines; a fourth where own impostors cost something."""
    from facedge.formatting import counted, percent

    found, point = made.fitted, made.fitted.point
    often = f"1 in {round(1 / point.target):,}" if point.target > 0 else "none"
    lines = [
        f"enrolled {name} with {counted(found.samples, 'photo')}: {made.path}",
        f"about {often} photos of other people is taken for {name} (at most {percent(point.high95)}, with 95 % "
        "confidence)",
        f"about {percent(point.frr)} of {name}'s own photos are refused, as measured on other people who are "
        "enrolled like this",
    ]
    if found.own_raised:
        lines.append(
            f"{found.own_raised} of {counted(found.own_impostors, 'photo')} of your impostors would have passed: the "
            f"threshold is raised above them, which refuses {percent(point.frr)} of people's own photos instead "
            f"of {percent(found.frr_before)}"
        )
    return lines


def _details(made: "Enrollment", name: str) -> list[str]:
    """The threshold and the evidence behind it, line by line, for -v."""
    from facedge.formatting import counted, interval, percent, rate

    found, point = made.fitted, made.fitted.point
    lines = [
        f"threshold {found.threshold:.4f} for a FAR of {rate(point.target)}: "
        f"{interval(point.low95, point.high95)} with 95 % confidence",
        f"behind it: {found.calibrated.identities:,} people enrolled in turn, {found.calibrated.comparisons:,} "
        "impostor comparisons",
        f"of everybody in the cohort, {counted(found.passed_identities, 'person', 'people')} "
        f"({counted(found.passed, 'image')}) would pass as {name}",
    ]
    if found.own_impostors:
        lines.append(f"of your own impostors' {counted(found.own_impostors, 'photo')}, {found.own_passed} would pass")
    if found.frr is not None:
        share, low, high = found.frr
        lines.append(f"FRR of the samples when held out: {percent(share)} ({interval(low, high)})")
    lines.append(f"the score is a probability with a calibration error of {found.calibrated.error:.3f}")
    return lines
