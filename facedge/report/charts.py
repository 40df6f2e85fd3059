"""The charts of the report as inline SVG, each from a section of the record.

Drawn here instead of by matplotlib: a report is then made on a device that has only the base install, follows the
reader's light or dark page through CSS variables, keeps its text selectable, and shows values on hover.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor, log10
from typing import Any

from facedge.formatting import label_text, percent, rate
from facedge.report.groups import group_name, shown_groups
from facedge.report.verification import FixedThreshold

WIDTH = 720.0
LEAST_FRR = 1e-3  # the lower end of the DET curve
FIFTHS = [(k / 10, f"{10 * k} %") for k in range(0, 11, 2)]


@dataclass(frozen=True)
class Axis:
    """Data from `low` to `high` onto pixels `start` to `end`, linear or logarithmic; values outside are clamped."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value."""
        clamped = min(max(value, min(self.low, self.high)), max(self.low, self.high))
        low, high, v = (log10(x) if self.log else x for x in (self.low, self.high, clamped))
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
        """The picture as SVG; it scales with the page, and its title is the label for screen readers."""
        body = "\n".join(self.parts)
        label = escape(self.title, quote=True)
        return f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="img" aria-label="{label}">\n{body}\n</svg>'


def roc_chart(section: dict[str, Any], baselines: dict[str, Any] | None) -> str:
    """TAR against FAR on a logarithmic axis, with the intervals of the table, beside the attribute baselines.

    The curves end at the lowest FAR that the identities support: below it they would show noise.
    """
    d = Drawing(WIDTH, 392, "True accept rate against false accept rate")
    supported = {float(key): entry for key, entry in section["tar_at_far"].items() if entry["tar"] is not None}
    lowest = min(supported, default=0.1)
    x, y = Axis(lowest / 1.25, 1.0, 64, 700, log=True), Axis(0, 1, 330, 14)
    d.grid_x(x, [(v, rate(v)) for v in x.decades()], 14, 330)
    d.grid_y(y, FIFTHS, 64, 700)
    d.text(382, 372, "false accept rate", "axis", "middle")
    shown = [(section, "one")]
    if baselines:
        shown += [(baselines["attributes_read"], "two"), (baselines["attributes_known"], "three")]
    for part, style in reversed(shown):
        points = [(f, t) for f, t in zip(part["curve"]["far"], part["curve"]["tar"], strict=True) if f >= lowest]
        d.path([(x.at(f), y.at(t)) for f, t in points], f"curve {style}")
    for far, entry in supported.items():
        at = x.at(far)
        d.line(at, y.at(entry["low95"]), at, y.at(entry["high95"]), "whisker")
        d.dot(at, y.at(entry["tar"]), 4.5, "dot one", f"TAR {percent(entry['tar'])} at FAR {rate(far)}")
    return d.render()


def det_chart(section: dict[str, Any], baselines: dict[str, Any] | None) -> str:
    """FRR against FAR, both logarithmic: a detection error tradeoff (DET) curve, with the region that is measured.

    Left of the lowest FAR that the identities support there is no curve. After ISO/IEC 19795-1, annex on DET plots; the
    axes are logarithmic instead of normal deviates, so that rates are read off directly.
    """
    d = Drawing(WIDTH, 392, "False reject rate against false accept rate")
    supported = {float(key): entry for key, entry in section["tar_at_far"].items() if entry["tar"] is not None}
    lowest = min(supported, default=0.1)
    x, y = Axis(lowest / 10, 0.5, 64, 700, log=True), Axis(LEAST_FRR, 1, 330, 28, log=True)
    d.path([(64, 28), (x.at(lowest), 28), (x.at(lowest), 330), (64, 330)], "unmeasured", close=True)
    d.grid_x(x, [(v, rate(v)) for v in x.decades()], 28, 330)
    d.grid_y(y, [(v, rate(v)) for v in y.decades()], 64, 700)
    for line, height in (("too few people", 48), ("to measure", 64)):
        d.text((64 + x.at(lowest)) / 2, height, line, "tick", "middle")
    d.text(382, 372, "false accept rate", "axis", "middle")
    d.text(64, 18, "false reject rate", "axis")
    d.line(x.at(LEAST_FRR), y.at(LEAST_FRR), x.at(0.5), y.at(0.5), "equal")
    shown = [(section, "one")]
    if baselines:
        shown += [(baselines["attributes_read"], "two"), (baselines["attributes_known"], "three")]
    for part, style in reversed(shown):
        pairs = zip(part["curve"]["far"], part["curve"]["tar"], strict=True)
        points = [(f, 1 - t) for f, t in pairs if lowest <= f <= x.high]
        d.path([(x.at(f), y.at(r)) for f, r in points], f"curve {style}")
    for far, entry in supported.items():
        at = x.at(far)
        d.line(at, y.at(1 - entry["low95"]), at, y.at(1 - entry["high95"]), "whisker")
        d.dot(at, y.at(1 - entry["tar"]), 4.5, "dot one", f"FRR {percent(1 - entry['tar'])} at FAR {rate(far)}")
    eer = section["eer"]
    d.dot(x.at(eer), y.at(eer), 3.5, "dot one", f"equal error rate {percent(eer)}")
    return d.render()


def score_chart(section: dict[str, Any], threshold: FixedThreshold) -> str:
    """Histograms of genuine and impostor scores, each as shares of its own kind, with the threshold."""
    d = Drawing(WIDTH, 262, "Distribution of genuine and impostor scores")
    edges = section["histogram"]["edges"]
    x = Axis(edges[0], edges[-1], 24, 700)
    top = max(max(section["histogram"][k]) for k in ("genuine", "impostor")) or 1.0
    y = Axis(0, top * 1.12, 208, 12)
    ticks = [k / 5 for k in range(-5, 6) if edges[0] <= k / 5 <= edges[-1]]
    d.grid_x(x, [(v, f"{v:g}") for v in ticks], 12, 208)
    for kind, style in (("impostor", "two"), ("genuine", "one")):
        shares = section["histogram"][kind]
        outline = [(x.at(edges[0]), y.at(0))]
        for k, share in enumerate(shares):
            outline += [(x.at(edges[k]), y.at(share)), (x.at(edges[k + 1]), y.at(share))]
        outline.append((x.at(edges[-1]), y.at(0)))
        d.path(outline, f"area {style}", close=True)
    at = x.at(threshold.value)
    d.line(at, 12, at, 208, "mark")
    d.text(at + 6, 24, f"threshold at {threshold.name}", "tick")
    d.text(362, 250, "score (cosine): higher is more alike", "axis", "middle")
    return d.render()


def attribute_chart(per_attribute: dict[str, dict[str, Any]]) -> str:
    """One row an attribute: from the accuracy of the majority guess to that of the model, sorted by the gain."""
    rows = sorted(per_attribute.items(), key=lambda item: item[1]["majority_accuracy"] - item[1]["accuracy"])
    step, top = 19.0, 30.0
    d = Drawing(WIDTH, top + step * len(rows) + 34, "Accuracy of each attribute beside the majority guess")
    lowest = min(min(r["accuracy"], r["majority_accuracy"]) for _, r in rows)
    x = Axis(min(0.5, int(lowest * 10) / 10), 1.0, 176, 640)
    bottom = top + step * len(rows)
    d.grid_x(x, [(k / 10, f"{10 * k} %") for k in range(round(x.low * 10), 11)], top - 10, bottom)
    d.text(700, top - 14, "gain", "tick", "end")
    for k, (name, row) in enumerate(rows):
        y = top + step * (k + 0.5)
        guess, got = x.at(row["majority_accuracy"]), x.at(row["accuracy"])
        gain = 100 * (row["accuracy"] - row["majority_accuracy"])
        d.text(164, y + 4, label_text(name), "label", "end")
        d.line(guess, y, got, y, "gain" if gain >= 0 else "loss")
        d.line(guess, y - 5, guess, y + 5, "guess")
        hint = f"{label_text(name)}: {percent(row['accuracy'])}, guess {percent(row['majority_accuracy'])}"
        d.dot(got, y, 4, "dot one" if gain >= 0 else "dot bad", hint)
        d.text(700, y + 4, f"{gain:+.1f}".replace("-", "−"), "tick", "end")
    return d.render()


def group_chart(groups: dict[str, Any]) -> str:
    """FAR of each group with its interval, on a logarithmic axis."""
    rows = [(group_name(label, side), group) for label, side, group in shown_groups(groups) if group["far"] is not None]
    values = [v for _, g in rows for v in (g["far_low95"], g["far_high95"]) if v and v > 0]
    if not values:
        return ""
    step, top = 27.0, 12.0
    d = Drawing(WIDTH, top + step * len(rows) + 48, "False accept rate of each group")
    x = Axis(max(min(values) / 1.5, 1e-6), min(max(values) * 1.5, 1.0), 150, 690, log=True)
    bottom = top + step * len(rows)
    ticks = [m * decade for decade in [10.0**k for k in range(-6, 1)] for m in (1, 2, 5)]
    d.grid_x(x, [(v, rate(v)) for v in ticks if x.low <= v <= x.high], top - 4, bottom)
    for k, (name, group) in enumerate(rows):
        y = top + step * (k + 0.5) - (3 if name.startswith("not ") else -3)  # the two sides of a label close together
        d.text(138, y + 4, name, "label", "end")
        d.line(x.at(max(group["far_low95"], x.low)), y, x.at(group["far_high95"]), y, "whisker")
        if group["far"] > 0:
            d.dot(x.at(group["far"]), y, 4.5, "dot one", f"{name}: FAR {percent(group['far'])}")
    caption = f"false accept rate at the threshold of {groups['threshold_at']} over all people"
    d.text(420, bottom + 42, caption, "axis", "middle")
    return d.render()


def robustness_chart(curve: dict[str, Any], clean: dict[str, Any]) -> str:
    """TAR and attribute accuracy of one degradation, level by level; the dashed lines are clean probes."""
    d = Drawing(344, 208, f"Figures under {curve['title']}")
    levels = curve["labels"]
    x, y = Axis(0, max(len(levels) - 1, 1), 46, 326), Axis(0, 1, 146, 14)
    d.grid_y(y, [(0.0, "0"), (0.5, "50 %"), (1.0, "100 %")], 46, 326)
    for k, label in enumerate(levels):
        d.text(x.at(k), 165, label.replace("-", "−"), "tick", "middle")
    d.text(186, 189, curve["unit"], "axis", "middle")
    for key, style in (("attribute_accuracy", "two"), ("tar", "one")):
        if clean[key] is not None:
            d.line(46, y.at(clean[key]), 326, y.at(clean[key]), f"clean {style}")
        values = [(k, v) for k, v in enumerate(curve[key]) if v is not None]
        if curve["unit"] != "half of the face":  # halves have no order: dots without a line
            d.path([(x.at(k), y.at(v)) for k, v in values], f"curve {style}")
        for k, v in values:
            d.dot(x.at(k), y.at(v), 3.5, f"dot {style}", f"{levels[k]} {curve['unit']}: {percent(v)}")
    return d.render()


def _hint(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""
