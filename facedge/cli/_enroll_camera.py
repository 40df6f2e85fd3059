"""Samples from a camera: the person is guided on stderr while good frames are kept."""

from typing import TYPE_CHECKING

from facedge.cli import _console

if TYPE_CHECKING:
    from facedge.detection import Policy
    from facedge.runtime.embedder import Embedder
    from facedge.runtime.enrollment.samples import Sample


def samples_from_camera(
    embedder: "Embedder", camera: str, faces: "Policy", *, seconds: float, wanted: int
) -> list["Sample"]:
    """Look into the camera until enough varied frames are kept, `seconds` are over, or a recording ends."""
    from facedge.camera import open_camera
    from facedge.errors import InputError
    from facedge.runtime.enrollment.samples import Guide

    guide = Guide(embedder, wanted=wanted, faces=faces)
    with open_camera(camera) as source, _console.bar("enrolling") as show:
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
            advice = guide.look(frame.image, f"{camera} at {frame.seconds:.2f} s")
            show(len(guide.kept), wanted, advice)
            if guide.advice_is_new:
                _console.say(advice)
    if not guide.kept:
        raise InputError(f"{camera}: no frame was good enough to enroll with ({guide.faults}): try again")
    _console.say(f"looked at {guide.looked} frames, {guide.good} good, {len(guide.kept)} different enough")
    return guide.kept
