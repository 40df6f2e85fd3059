"""Small plots as inline SVG.

Written here instead of drawn by matplotlib: a report is then made on a device that has only the base install, follows
the reader's light or dark page through CSS variables, keeps its text selectable, and shows values on hover.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor, log10


@dataclass(frozen=True)
class Axis:
    """Data from `low` to `high` onto pixels from `start` to `end`, linear or logarithmic; values beyond are held."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value."""
        held = min(max(value, min(self.low, self.high)), max(self.low, self.high))
        low, high, v = (log10(x) if self.log else x for x in (self.low, self.high, held))
        return self.start + (v - low) / (high - low) * (self.end - self.start)

    def decades(self) -> list[float]:
        """The powers of ten on a logarithmic axis."""
        first, last = ceil(log10(self.low) - 1e-9), floor(log10(self.high) + 1e-9)
        return [10.0**k for k in range(first, last + 1)]


@dataclass
class Drawing:
    """An SVG picture being drawn; coordinates in pixels of its own width and height."""

    width: float
    height: float
    title: str
    parts: list[str] = field(default_factory=list)

    def line(self, x1: float, y1: float, x2: float, y2: float, style: str) -> None:
        """A straight line of a CSS class."""
        self.parts.append(f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def path(self, points: Iterable[tuple[float, float]], style: str, *, close: bool = False) -> None:
        """A line through points, or the area that they enclose."""
        steps = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        self.parts.append(f'<path class="{style}" d="M{steps}{" Z" if close else ""}"/>')

    def dot(self, x: float, y: float, radius: float, style: str, hint: str = "") -> None:
        """A filled circle, with a text that shows on hover."""
        self.parts.append(f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}">{_hint(hint)}</circle>')

    def box(self, x: float, y: float, width: float, height: float, style: str, hint: str = "") -> None:
        """A rectangle with slightly rounded corners."""
        size = f'width="{max(width, 0):.1f}" height="{max(height, 0):.1f}"'
        self.parts.append(f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" {size} rx="1.5">{_hint(hint)}</rect>')

    def text(self, x: float, y: float, text: str, style: str = "label", anchor: str = "start") -> None:
        """A line of text whose baseline is at y; anchor start, middle or end."""
        self.parts.append(f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>')

    def grid_x(self, axis: Axis, ticks: Sequence[tuple[float, str]], top: float, bottom: float) -> None:
        """Vertical grid lines with their labels below."""
        for value, label in ticks:
            x = axis.at(value)
            self.line(x, top, x, bottom, "grid")
            self.text(x, bottom + 18, label, "tick", "middle")

    def grid_y(self, axis: Axis, ticks: Sequence[tuple[float, str]], left: float, right: float) -> None:
        """Horizontal grid lines with their labels at the left."""
        for value, label in ticks:
            y = axis.at(value)
            self.line(left, y, right, y, "grid")
            self.text(left - 10, y + 4, label, "tick", "end")

    def render(self) -> str:
        """The picture as text; it scales with the page and tells its title to screen readers."""
        body = "\n".join(self.parts)
        label = escape(self.title, quote=True)
        return f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="img" aria-label="{label}">\n{body}\n</svg>'


def _hint(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""
