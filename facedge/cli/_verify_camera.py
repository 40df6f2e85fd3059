"""`facedge verify --camera`: decisions over time, as JSON lines, as a live view, or as an exit code."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer

from facedge.cli import _console
from facedge.cli._camera_views import NoView, TerminalView, WindowView
from facedge.cli._console import styled
from facedge.errors import BundleError, CameraError

if TYPE_CHECKING:
    from facedge.live.actions import Actions
    from facedge.live.watcher import Event, Watcher
    from facedge.runtime.verifier import Verifier

ONCE_TIMEOUT = 15.0  # seconds: --once always ends
QUIET_KINDS = {"started", "ended"}
COLOURS = {"accept": "green", "reject": "red", "locked": "red", "lost": "yellow", "challenge": "bold"}


@dataclass(frozen=True)
class LiveOptions:
    """The options of `verify --camera`; `commands` are run on events, by kind of event."""

    camera: str
    once: bool = False
    watch: bool = False
    timeout: float | None = None
    give_up: float = 60.0
    challenge: bool = False
    show: bool = False
    commands: Mapping[str, str] = field(default_factory=dict)


def verify_camera(verifier: "Verifier", options: LiveOptions) -> None:
    """Watch until the end, and exit with 0 (the last decision accepted) or 1.

    Raises BundleError when the bundle is deleted or replaced meanwhile.
    """
    from facedge.camera.streams import open_camera
    from facedge.live.actions import Actions, parse_command
    from facedge.live.watcher import bundle_change, watch

    commands = {kind: parse_command(command) for kind, command in options.commands.items()}
    _refuse_without_display(options)
    if options.challenge:
        _console.say("the turn of the head raises the effort for a photo attack; it is no proof of life")
    bundle = verifier.bundle
    with open_camera(options.camera, give_up=options.give_up) as camera:
        watcher = _watcher(verifier, options, live=camera.live)
        timeout = options.timeout if options.timeout is not None else ONCE_TIMEOUT if options.once else None
        with _view(options, watcher) as show, Actions(commands, _console.warn) as actions:
            events = watch(
                camera,
                watcher,
                once=options.once,
                timeout=timeout,
                show=show.frame,
                changed=lambda: bundle_change(bundle),
            )
            accepted = _report(events, options, show, actions)
    if change := bundle_change(bundle):
        raise BundleError(f"{bundle.path} was {change} while it was in use, so nobody is accepted: start again")
    raise typer.Exit(0 if accepted else 1)


def _watcher(verifier: "Verifier", options: LiveOptions, *, live: bool) -> "Watcher":
    """With a live camera, failed attempts count from one call to the next; in a recording they do not."""
    from facedge.bundle.resolve import private_data_home
    from facedge.live.lockout import Lockout, attempts_file
    from facedge.live.watcher import Watcher

    if not live:
        return Watcher(verifier, challenge=options.challenge)
    private_data_home()
    lockout = Lockout(attempts_file(verifier.bundle.path))
    return Watcher(verifier, challenge=options.challenge, lockout=lockout, now=time.time)


def _report(events: Iterator["Event"], options: LiveOptions, show: Any, actions: "Actions") -> bool:
    """Print every event and run its command; whether the last decision accepted."""
    accepted = False
    for event in events:
        if event.kind in ("accept", "reject"):
            accepted = event.kind == "accept"
        elif event.kind == "locked":
            accepted = False
        actions.handle(event.kind, event.to_record())
        if options.watch:
            _console.emit_json(event.to_record())
        elif event.kind == "ended" or (event.kind not in QUIET_KINDS and not show.covers_events):
            _print(event)
    return accepted


def _print(event: "Event") -> None:
    if event.kind in ("accept", "reject"):
        score = f"{event.score:.4f}" if event.score is not None else "     -"
        kind = styled(event.kind, COLOURS[event.kind])
        print(f"{kind}  {score}  at {event.seconds:.2f} s" + (f"  {event.reason}" if event.reason else ""), flush=True)
    elif event.kind == "ended":
        _console.say(f"ended at {event.seconds:.2f} s: {event.reason}")
    else:
        _console.say(event.message or event.kind, COLOURS.get(event.kind, "dim"))


def _refuse_without_display(options: LiveOptions) -> None:
    if not options.show:
        return
    from facedge.camera.devices import display_problem

    if problem := display_problem():
        raise CameraError(f"--show opens a window, but {problem}: leave --show out for the view in the terminal")


def _view(options: LiveOptions, watcher: "Watcher") -> NoView | TerminalView | WindowView:
    """The window, the live view in a terminal, or none."""
    if options.show:
        return WindowView(watcher)
    if _console.draws() and not options.watch and not options.once:
        return TerminalView(watcher)
    return NoView()
