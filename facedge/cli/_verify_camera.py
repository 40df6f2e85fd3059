"""`facedge verify --camera`: decisions over time, as JSON lines, as a live view, or as an exit code."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer

from facedge.cli import _console
from facedge.cli._camera_views import NoView, TerminalView, WindowView
from facedge.cli._console import styled
from facedge.errors import BundleError, CameraError

if TYPE_CHECKING:
    from facedge.camera.source import Camera, Frame
    from facedge.live.actions import Actions
    from facedge.live.events import Event
    from facedge.live.service import Service
    from facedge.live.watcher import Show, Watcher
    from facedge.runtime.verifier import Verifier

MEASURED_FRAMES = 25  # with a face: a second, after which a squeezed picture is reported
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
    lockout: bool = True
    rotate: str = "auto"
    aspect: str | None = None


def verify_camera(verifier: "Verifier", options: LiveOptions) -> None:
    """Watch until the end, and exit with 0 (the last decision accepted), 1, or 143 (SIGTERM came).

    Raises BundleError when the bundle is deleted or replaced meanwhile, CameraError when the camera is given up, and
    StorageError when failed attempts cannot be counted.
    """
    from facedge.camera.adjust import adjusted, parse_adjustment
    from facedge.camera.streams import open_camera
    from facedge.live.actions import parse_command
    from facedge.live.service import TERMINATED, ended_by_sigterm
    from facedge.live.watcher import bundle_change

    commands = {kind: parse_command(command) for kind, command in options.commands.items()}
    _refuse_without_display(options)
    if options.challenge:
        _console.say("--challenge raises the effort of an attack with printed photos; against a video it does nothing")
    bundle = verifier.bundle
    adjustment = parse_adjustment(options.rotate, options.aspect)
    opened = open_camera(options.camera, give_up=options.give_up)
    with adjusted(opened, adjustment, _console.say) as camera, ended_by_sigterm() as terminated:
        accepted = _watch(verifier, camera, options, commands, terminated)
        if terminated():
            raise typer.Exit(TERMINATED)
    if change := bundle_change(bundle):
        raise BundleError(f"{bundle.path} was {change} while it was in use, so nobody is accepted: start again")
    raise typer.Exit(0 if accepted else 1)


def _watch(
    verifier: "Verifier",
    camera: "Camera",
    options: LiveOptions,
    commands: Mapping[str, Sequence[str]],
    terminated: Callable[[], bool],
) -> bool:
    """Watch until the end; whether the last decision accepted."""
    from facedge.live.actions import Actions
    from facedge.live.service import Service
    from facedge.live.watcher import bundle_change, watch

    watcher, service = _watcher(verifier, options, live=camera.live), Service()
    timeout = options.timeout if options.timeout is not None else ONCE_TIMEOUT if options.once else None
    with _view(options, watcher) as show, Actions(commands, _console.warn) as actions:
        warn_of_squeeze = _with_squeeze_warning(show.frame, watcher)

        def step(frame: "Frame | None") -> None:
            service.step(delivered=frame is not None)
            warn_of_squeeze(frame)

        events = watch(
            camera,
            watcher,
            once=options.once,
            timeout=timeout,
            show=step,
            changed=lambda: bundle_change(verifier.bundle),
            terminated=terminated,
        )
        try:
            return _report(events, options, show, actions, service)
        finally:
            service.stopping()
            events.close()  # ctrl-C too ends an attempt, which then counts


def _with_squeeze_warning(show: "Show", watcher: "Watcher") -> "Show":
    """`show`, and one warning where the median of the first frames with a face is squeezed or stretched."""
    from facedge.faces.plausible import REFUSAL, median_stretch, squeeze_fault

    found: list[float] = []

    def after(frame: "Frame | None") -> None:
        show(frame)
        decision = watcher.view.decision
        if frame is None or decision is None or decision.stretch is None or len(found) == MEASURED_FRAMES:
            return
        found.append(decision.stretch)
        if len(found) == MEASURED_FRAMES and (fault := squeeze_fault(median_stretch(found), REFUSAL)):
            _console.warn(fault)

    return after


def _watcher(verifier: "Verifier", options: LiveOptions, *, live: bool) -> "Watcher":
    """With a live camera, failed attempts count from one call to the next; in a recording they do not."""
    from facedge.bundle.resolve import private_data_home
    from facedge.live.lockout import Lockout, attempts_file
    from facedge.live.watcher import Watcher

    if not options.lockout:
        return Watcher(verifier, challenge=options.challenge, lockout=Lockout(enabled=False))
    if not live:
        return Watcher(verifier, challenge=options.challenge)
    private_data_home()
    lockout = Lockout(attempts_file(verifier.bundle.path))
    if lockout.notice:
        _console.warn(lockout.notice)
    return Watcher(verifier, challenge=options.challenge, lockout=lockout, now=lockout.clock.uptime)


def _report(events: Iterator["Event"], options: LiveOptions, show: Any, actions: "Actions", service: "Service") -> bool:
    """Print every event and run its command; whether the last decision accepted."""
    accepted = False
    for event in events:
        if event.kind in ("accept", "reject"):
            accepted = event.kind == "accept"
        elif event.kind == "locked":
            accepted = False
        actions.handle(event.kind, event.to_record())
        service.event(event.kind, event.message)
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
    if sys.stdout.isatty() and not options.watch and not options.once:
        return TerminalView(watcher)
    return NoView()
