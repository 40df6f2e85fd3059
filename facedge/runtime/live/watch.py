"""A camera + a watcher -> events, until a decision, a time limit, the end of a recording, or for ever."""

import time
from collections.abc import Callable, Iterator

from facedge.camera.frames import Camera, Frame
from facedge.runtime.live.watcher import Event, Watcher

Show = Callable[[Frame | None], None]


def watch(
    camera: Camera,
    watcher: Watcher,
    *,
    once: bool = False,
    timeout: float | None = None,
    show: Show = lambda _: None,
) -> Iterator[Event]:
    """Look at frame after frame and tell what happens; the last event is "ended", with the reason.

    once     end with the first accept or reject
    timeout  seconds after which to end: of the clock before a live camera, of the recording in a file, so that a file
             always gives the same answer
    show     called after every frame, and with None while none comes
    """
    began, first, now = time.monotonic(), None, 0.0
    yield Event("started", 0.0)
    while True:
        frame = camera.next(0.2)
        yield from (Event(event.kind, now, message=event.message) for event in camera.events())
        if frame is not None:
            first = frame.seconds if first is None else first
            now = frame.seconds
            for event in watcher.step(frame):
                yield event
                if once and event.kind in ("accept", "reject"):
                    yield Event("ended", now, reason="decided")
                    return
        show(frame)
        passed = time.monotonic() - began if camera.live else now - (first or 0.0)
        if camera.ended or (timeout is not None and passed >= timeout):
            yield Event("ended", now, reason="end of the recording" if camera.ended else "timeout")
            return
