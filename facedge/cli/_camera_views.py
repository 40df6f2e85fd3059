"""The live views of `verify --camera`: a panel in the terminal, and a window for `--show`."""

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facedge.camera.source import Frame
    from facedge.live.events import View
    from facedge.live.watcher import Watcher

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 40
STATE_STYLE = {"face": "bold", "locked": "bold red", "no_face": "dim"}


class NoView:
    """No live view: events are printed as lines."""

    covers_events = False

    def frame(self, _frame: object) -> None:
        """Show nothing."""

    def __enter__(self) -> "NoView":
        """Itself."""
        return self

    def __exit__(self, *_problem: object) -> None:
        """Nothing to close."""


class TerminalView:
    """A panel with score, threshold, history and frames a second by stage, redrawn ten times a second at most."""

    covers_events = True

    def __init__(self, watcher: "Watcher") -> None:
        """Show the state of `watcher`."""
        from rich.live import Live

        self._watcher, self._threshold = watcher, watcher.threshold
        self._live = Live(auto_refresh=False, transient=False)
        self._began, self._drawn = time.perf_counter(), 0.0

    def __enter__(self) -> "TerminalView":
        """Start to draw."""
        self._live.start()
        return self

    def __exit__(self, *_problem: object) -> None:
        """Leave the last panel on the screen."""
        self._live.stop()

    def frame(self, _frame: "Frame | None") -> None:
        """Redraw, unless the last drawing is younger than 0.1 s."""
        now = time.perf_counter()
        if now - self._drawn >= 0.1:
            self._drawn = now
            rate = self._watcher.view.frames / max(now - self._began, 1e-6)
            self._live.update(panel(self._watcher.view, self._threshold, rate), refresh=True)


def panel(view: "View", threshold: float, rate: float) -> Any:
    """The view as a rich Panel."""
    from rich.panel import Panel
    from rich.text import Text

    colour = "green" if view.accepted else "yellow"
    verdict = "accepted" if view.accepted else "not accepted"
    state = view.state.replace("_", " ") or "starting"
    first = Text(instruction(view), style="bold magenta") if view.instruction else None
    lines = [
        first or Text.assemble((state, STATE_STYLE.get(view.state, "yellow")), "  ", (verdict, f"bold {colour}")),
        Text.assemble("score      ", (_bar(view.fused or 0.0, threshold), colour), f"  {_number(view.fused)}"),
        Text.assemble("history    ", (spark(list(view.history)[-WIDTH:]), colour)),
        Text(f"threshold  {threshold:.4f}     {rate:.1f} frames/s, {view.skipped} skipped"),
        Text(_stages(view), style="dim"),
    ]
    return Panel(Text("\n").join(lines), title="facedge", width=72, border_style=colour if view.history else "dim")


def instruction(view: "View") -> str:
    """What the liveness challenge asks for, with the time left, such as "hold still" or "turn ... (6 s left)"."""
    left = f" ({view.seconds_left:.0f} s left)" if view.seconds_left is not None else ""
    return f"{view.instruction}{left}"


def spark(scores: list[float]) -> str:
    """Scores 0..1 as a line of block characters."""
    return "".join(BARS[min(int(score * len(BARS)), len(BARS) - 1)] for score in scores) or "-"


def _bar(score: float, threshold: float) -> str:
    """A bar of the score with a mark at the threshold."""
    mark, full = min(int(threshold * WIDTH), WIDTH - 1), int(score * WIDTH)
    return "".join("┃" if k == mark else "█" if k < full else "·" for k in range(WIDTH))


def _number(score: float | None) -> str:
    return f"{score:.4f}" if score is not None else "-"


def _stages(view: "View") -> str:
    if view.decision is None:
        return "no frame yet"
    spent = {stage: ms for stage, ms in view.decision.ms.items() if ms > 0}
    return "frames/s   " + ", ".join(f"{stage} {1000 / ms:,.0f}" for stage, ms in spent.items())


class WindowView:
    """A window with the frame, box, landmarks, score and state. Closing it, Esc or q ends the command."""

    covers_events = False

    def __init__(self, watcher: "Watcher") -> None:
        """Open the window; it stays empty until the first frame."""
        from facedge.camera.window import Window

        self._watcher, self._window = watcher, Window("facedge")

    def __enter__(self) -> "WindowView":
        """Itself."""
        return self

    def __exit__(self, *_problem: object) -> None:
        """Close the window."""
        self._window.close()

    def frame(self, frame: "Frame | None") -> None:
        """Draw on the frame and show it; KeyboardInterrupt when the person closes the window."""
        if frame is None:
            return
        view = self._watcher.view
        decision = view.decision
        score = f"{view.fused:.3f}" if view.fused is not None else "-"
        state = "accepted" if view.accepted else instruction(view) or view.state.replace("_", " ")
        text = f"{state}  {score} / {self._watcher.threshold:.3f}"
        box, points = (decision.box, decision.landmarks) if decision is not None else (None, None)
        if not self._window.show(frame.image, text, view.accepted, box, points):
            raise KeyboardInterrupt
