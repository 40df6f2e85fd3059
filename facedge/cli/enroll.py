"""`facedge enroll`: a person's own bundle, from photos or a camera, without torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedge.cli import _console
from facedge.cli._options import BundleOption, JsonOption, ThreadsOption, chosen_bundle, chosen_faces
from facedge.cli._style import counted, percent

if TYPE_CHECKING:
    from facedge.bundle import Bundle
    from facedge.runtime.embedder import Embedder
    from facedge.runtime.enrollment.fitting import Enrollment
    from facedge.runtime.enrollment.samples import Sample


def enroll(
    name: Annotated[str, typer.Argument(help="Who: the bundle is called so.")],
    photos: Annotated[Path | None, typer.Option("--from", help="Folder of photos of this person.")] = None,
    camera: Annotated[
        str | None,
        typer.Option("--camera", help="Camera: 0, /dev/video0, a video file, an http or rtsp URL, picamera."),
    ] = None,
    bundle: BundleOption = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write here; by default into the private data directory.")
    ] = None,
    far: Annotated[
        float | None, typer.Option("--far", envvar="FACEDGE_FAR", help="False accept rate to set the threshold for.")
    ] = None,
    impostors: Annotated[
        Path | None,
        typer.Option("--impostors", help="Folder of photos of family and housemates, a folder each."),
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Add to the photos enrolled before.")] = False,
    faces: Annotated[
        str, typer.Option("--faces", help="Which face of several: only (refuse), largest, center.")
    ] = "only",
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.5, help="How long to look into a camera at most.")
    ] = 30.0,
    samples: Annotated[int, typer.Option("--samples", min=1, max=200, help="Samples to keep at most.")] = 20,
    as_json: JsonOption = False,
    threads: ThreadsOption = 1,
) -> None:
    """Enroll a person: keep good and varied photos, fit the head, set a threshold with evidence."""
    from facedge.bundle import read_bundle
    from facedge.cli._enroll_camera import samples_from_camera
    from facedge.errors import InputError
    from facedge.runtime.embedder import Embedder
    from facedge.runtime.enrollment import home
    from facedge.runtime.enrollment import samples as collecting

    if (photos is None) == (camera is None):
        raise InputError("name where the photos come from: --from DIR or --camera SRC, one of them")
    target = output or home.bundle_of(name)
    base = read_bundle(target if update else chosen_bundle(bundle))
    embedder = Embedder(base, threads=threads)
    if photos is not None:
        found = _samples_from_folder(embedder, photos, faces)
    else:
        found = samples_from_camera(embedder, str(camera), chosen_faces(faces), seconds=seconds, wanted=samples)
    kept = collecting.varied(found, samples)
    made, enrollment = _write(target, base, embedder, kept, impostors, far, update, home.checked_name(name))
    for warning in enrollment.source.warnings():
        _console.warn(warning)
    if as_json:
        _console.emit_json({"bundle": str(made.path), "threshold": made.manifest.threshold, **enrollment.figures()})
    else:
        print("\n".join(_report(made, enrollment)))


def _samples_from_folder(embedder: "Embedder", photos: Path, faces: str) -> list["Sample"]:
    from facedge.errors import InputError
    from facedge.runtime.enrollment.samples import faults_in_words, look_at_folder

    looks = look_at_folder(embedder, photos, faces=chosen_faces(faces))
    for look in looks:
        if look.sample is None:
            _console.say(f"left out: {look.source}: {look.advice}")
    found = [look.sample for look in looks if look.sample is not None]
    if not found:
        raise InputError(f"{photos}: no photo is good enough to enroll with ({faults_in_words(looks)}): bring others")
    return found


def _write(
    target: Path,
    base: "Bundle",
    embedder: "Embedder",
    kept: list["Sample"],
    impostors: Path | None,
    far: float | None,
    update: bool,
    name: str,
) -> tuple["Bundle", "Enrollment"]:
    """Fit, calibrate and write; with --update on top of what was enrolled before."""
    import numpy as np

    import facedge
    from facedge.bundle.writing import check_target
    from facedge.runtime.enrollment import fitting, home, personal
    from facedge.runtime.enrollment.samples import embeddings_of, look_at_impostors

    check_target(target)
    enrolled = embeddings_of(kept)
    if update:
        enrolled = np.concatenate([personal.enrolled_before(base), enrolled])
    others, who = None, None
    if impostors is not None:
        others, who, _ = look_at_impostors(embedder, impostors)
    enrollment = fitting.fit(base, enrolled, far=far, impostors=others, impostor_people=who)
    if target.parent == home.data_home():
        home.private_home()
    made = personal.write_personal(
        target,
        base,
        enrollment,
        enrolled,
        name=name,
        created_by=f"facedge {facedge.__version__}",
        created=None,
        impostors=others,
        impostor_people=who,
    )
    return made, enrollment


def _report(made: "Bundle", found: "Enrollment") -> list[str]:
    """What was made and how far it can be believed, line by line."""
    e = found.point.estimate
    lines = [
        f"enrolled {made.manifest.name} with {counted(found.samples, 'sample')}: {made.path}",
        f"threshold {found.threshold:.4f} for a FAR of {found.point.target:g}: "
        f"{percent(e.low95)} to {percent(e.high95)} with 95 % confidence",
        f"behind it: {e.identities:,} people who took turns, {e.comparisons:,} impostor comparisons",
        f"of everybody in the cohort, {counted(found.passed_identities, 'person', 'people')} "
        f"({counted(found.passed, 'image')}) would pass as {made.manifest.name}",
    ]
    if found.own_impostors:
        lines.append(f"of your own impostors' {counted(found.own_impostors, 'photo')}, {found.own_passed} would pass")
    if found.frr is not None:
        rate, low, high = found.frr
        lines.append(f"refuses {percent(rate)} of the samples when held out ({percent(low)} to {percent(high)})")
    lines.append(f"refuses {percent(found.cohort_frr)} of others' photos who are enrolled like this")
    lines.append(f"the score is a probability with a calibration error of {found.calibration_error:.3f}")
    return lines
