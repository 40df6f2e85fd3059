"""The plots of the report, each from a section of the record."""

from typing import Any

from facedge.report.svg import Axis, Drawing
from facedge.report.words import percent, rate, spaced

WIDTH = 720.0
TENTHS = [(k / 10, f"{10 * k} %") for k in range(0, 11, 2)]


def roc_chart(section: dict[str, Any], baselines: dict[str, Any] | None) -> str:
    """TAR against FAR on a logarithmic axis, the intervals at the three FARs, the attribute verifiers beside it."""
    d = Drawing(WIDTH, 392, "True accept rate against false accept rate")
    smallest = min(1e-4, max(1e-6, 30 / section["impostor"]))
    x, y = Axis(smallest, 1.0, 64, 700, log=True), Axis(0, 1, 330, 14)
    d.grid_x(x, [(v, rate(v)) for v in x.decades()], 14, 330)
    d.grid_y(y, TENTHS, 64, 700)
    d.text(382, 372, "false accept rate", "axis", "middle")
    shown = [(section, "one")]
    if baselines:
        shown += [(baselines["attributes_read"], "two"), (baselines["attributes_known"], "three")]
    for part, style in reversed(shown):
        points = [(f, t) for f, t in zip(part["curve"]["far"], part["curve"]["tar"], strict=True) if f >= smallest]
        d.path([(x.at(f), y.at(t)) for f, t in points], f"curve {style}")
    for far, entry in zip((1e-2, 1e-3, 1e-4), section["tar_at_far"].values(), strict=True):
        if entry["tar"] is not None:
            at = x.at(far)
            d.line(at, y.at(entry["low95"]), at, y.at(entry["high95"]), "whisker")
            d.dot(at, y.at(entry["tar"]), 4.5, "dot one", f"TAR {percent(entry['tar'])} at FAR {rate(far)}")
    return d.render()


def score_chart(section: dict[str, Any], threshold: float | None, name: str) -> str:
    """How genuine and impostor scores lie, each as shares of its own, with the threshold between."""
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
    if threshold is not None:
        at = x.at(threshold)
        d.line(at, 12, at, 208, "mark")
        d.text(at + 6, 24, f"threshold at {name}", "tick")
    d.text(362, 250, "score (cosine): higher is more alike", "axis", "middle")
    return d.render()


def attribute_chart(per_attribute: dict[str, dict[str, Any]]) -> str:
    """One row an attribute: from what the majority guess gives to what the model gives, sorted by the gain."""
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
        d.text(164, y + 4, spaced(name), "label", "end")
        d.line(guess, y, got, y, "gain" if gain >= 0 else "loss")
        d.line(guess, y - 5, guess, y + 5, "guess")
        hint = f"{spaced(name)}: {percent(row['accuracy'])}, guess {percent(row['majority_accuracy'])}"
        d.dot(got, y, 4, "dot one" if gain >= 0 else "dot bad", hint)
        d.text(700, y + 4, f"{gain:+.1f}".replace("-", "−"), "tick", "end")
    return d.render()


def group_chart(groups: dict[str, Any]) -> str:
    """FAR of each group with its interval, on a logarithmic axis."""
    rows = [
        (spaced(label) if side == "with" else f"not {spaced(label).lower()}", sides[side])
        for label, sides in groups["by_label"].items()
        for side in ("with", "without")
        if sides[side]["far"] is not None
    ]
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
        y = top + step * (k + 0.5) - (3 if k % 2 else -3)  # the two sides of a label stand together
        d.text(138, y + 4, name, "label", "end")
        d.line(x.at(max(group["far_low95"], x.low)), y, x.at(group["far_high95"]), y, "whisker")
        if group["far"] > 0:
            d.dot(x.at(group["far"]), y, 4.5, "dot one", f"{name}: FAR {percent(group['far'])}")
    d.text(
        420,
        bottom + 42,
        f"false accept rate at the threshold of {groups['threshold_at']} over all people",
        "axis",
        "middle",
    )
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
