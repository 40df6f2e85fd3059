"""`facedge verify --camera`: decisions over time, as JSON lines, as a live view, or as an exit code."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from facedge.cli import _console
from facedge.cli._style import styled

if TYPE_CHECKING:
    from facedge.runtime.live.watcher import Event
    from facedge.runtime.verifier import Verifier

ONCE_TIMEOUT = 15.0  # seconds: --once always ends
QUIET_KINDS = {"started", "ended"}
COLOURS = {"accept": "green", "reject": "red", "locked": "red", "lost": "yellow", "challenge": "bold"}


@dataclass(frozen=True)
class LiveOptions:
    """What `verify --camera` was asked for."""

    camera: str
    once: bool = False
    watch: bool = False
    timeout: float | None = None
    give_up: float = 60.0
    challenge: bool = False
    show: bool = False


def verify_camera(verifier: "Verifier", options: LiveOptions) -> None:
    """Watch until it is over, and leave with 0 (accepted at the end or by --once) or 1."""
    from facedge.camera import open_camera
    from facedge.runtime.enrollment import home
    from facedge.runtime.live.lockout import Lockout
    from facedge.runtime.live.watch import watch
    from facedge.runtime.live.watcher import Watcher

    _refuse_without_display(options)
    if options.challenge:
        _console.say("the turn of the head raises the effort for a photo attack; it is no proof of life")
    with open_camera(options.camera, give_up=options.give_up) as camera:
        if camera.live:  # at a door, failures count from one call to the next; a recording has no door
            home.private_home()
            lockout, now = Lockout(home.attempts_file(verifier.bundle.path)), time.time
            watcher = Watcher(verifier, challenge=options.challenge, lockout=lockout, now=now)
        else:
            watcher = Watcher(verifier, challenge=options.challenge)
        timeout = options.timeout if options.timeout is not None else ONCE_TIMEOUT if options.once else None
        with _shown(options, watcher) as show:
            events = watch(camera, watcher, once=options.once, timeout=timeout, show=show.frame)
            accepted = _tell(events, options, show)
    raise typer.Exit(0 if accepted else 1)


def _tell(events: Iterator["Event"], options: LiveOptions, show: Any) -> bool:
    """Report every event; whether the last decision accepted."""
    accepted = False
    for event in events:
        if event.kind in ("accept", "reject"):
            accepted = event.kind == "accept"
        elif event.kind == "locked":
            accepted = False
        if options.watch:
            _console.emit_json(event.to_record())
        elif event.kind == "ended" or (event.kind not in QUIET_KINDS and not show.covers_events):
            _say(event)
    return accepted


def _say(event: "Event") -> None:
    if event.kind in ("accept", "reject"):
        score = f"{event.score:.4f}" if event.score is not None else "     -"
        word = styled(event.kind, COLOURS[event.kind])
        print(f"{word}  {score}  at {event.seconds:.2f} s" + (f"  {event.reason}" if event.reason else ""), flush=True)
    elif event.kind == "ended":
        _console.say(f"ended at {event.seconds:.2f} s: {event.reason}")
    else:
        _console.say(styled(event.message or event.kind, COLOURS.get(event.kind, "dim")))


def _refuse_without_display(options: LiveOptions) -> None:
    if not options.show:
        return
    from facedge.camera.listing import display_problem
    from facedge.errors import CameraError

    if problem := display_problem():
        raise CameraError(f"--show opens a window, but {problem}: leave --show out for the view in the terminal")


def _shown(options: LiveOptions, watcher: Any) -> Any:
    """The window, the live view in a terminal, or nothing."""
    if options.show:
        from facedge.cli._window import WindowView

        return WindowView(watcher)
    if sys.stdout.isatty() and not options.watch and not options.once:
        from facedge.cli._live import TerminalView

        return TerminalView(watcher)
    return NoView()


class NoView:
    """Nothing to look at."""

    covers_events = False

    def frame(self, _frame: object) -> None:
        """A frame went by."""

    def __enter__(self) -> "NoView":
        """Itself."""
        return self

    def __exit__(self, *_problem: object) -> None:
        """Nothing to close."""
