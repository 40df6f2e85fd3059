"""The window of `verify --camera --show`: the frame with box, landmarks, score and state."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facedge.camera.frames import Frame
    from facedge.runtime.live.watcher import Watcher


class WindowView:
    """A window for the frames that `watcher` looks at. Closing it, Esc or q ends the command."""

    covers_events = False

    def __init__(self, watcher: "Watcher") -> None:
        """Nothing is shown before the first frame."""
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
        text = (
            f"{'accepted' if view.accepted else view.state.replace('_', ' ')}  {score} / {self._watcher.threshold:.3f}"
        )
        box, points = (decision.box, decision.landmarks) if decision is not None else (None, None)
        if not self._window.show(frame.image, text, view.accepted, box, points):
            raise KeyboardInterrupt
