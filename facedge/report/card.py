"""The figures section of a model card, as Markdown, from the record of report.json: no figure is typed by hand."""

from collections.abc import Iterable, Sequence
from typing import Any

from facedge.report.words import count, interval, percent, rate, spaced

VERIFIERS = (("attributes_read", "its attributes alone"), ("attributes_known", "perfect attributes"))


def figures_card(record: dict[str, Any]) -> str:
    """Markdown that begins with `## Figures`; a part that was not measured is left out."""
    parts = [
        _opening(record),
        _attributes(record["attributes"]),
        _verification(record),
        _pairs(record["pairs"]),
        _groups(record["groups"]),
        _robustness(record["robustness"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _opening(record: dict[str, Any]) -> str:
    bundle, data = record["bundle"], record["data"]
    lines = ["## Figures", ""]
    if data:
        lines += [
            f"Judged on {_plain(data['name'])}, {data['partition']} partition ({_plain(data['partition_kind'])}): "
            f"{_count(data['images'])} images.",
        ]
    lines += [
        "Ranges are 95 % intervals from a bootstrap over people, never over photos.",
        f"Written by `facedge eval` ({record['created_by']}) for {_plain(bundle['name'])}, "
        f"sha256 `{bundle['sha256'][:16]}`.",
    ]
    return "\n".join(lines)


def _attributes(found: dict[str, Any] | None) -> str:
    if not found:
        return ""
    accuracy = _with_range(found["mean_accuracy"], found["mean_accuracy_low95"], found["mean_accuracy_high95"])
    rows = [
        ("accuracy", accuracy, percent(found["majority_accuracy"])),
        ("balanced accuracy", percent(found["balanced_accuracy"]), "50.0 %"),
        ("macro-F1 of “present”", percent(found["macro_f1"]), "–"),
    ]
    head = (f"mean of {len(found['per_attribute'])} attributes", "this model", "majority guess")
    return "### Attributes\n\n" + _table(head, rows)


def _verification(record: dict[str, Any]) -> str:
    found, baselines = record["verification"], record["baselines"] or {}
    if not found:
        return ""
    verifiers = [(found, "this model")] + [(baselines[key], name) for key, name in VERIFIERS if key in baselines]
    sections = [section for section, _ in verifiers]
    rows = [
        ("EER", *(_with_range(s["eer"], s["eer_low95"], s["eer_high95"]) for s in sections)),
        *((f"TAR at FAR {rate(float(key))}", *(_tar(s["tar_at_far"][key]) for s in sections))
          for key in found["tar_at_far"]),
    ]  # fmt: skip
    return (
        f"### Telling people apart\n\nAll pairs of {_count(found['images'])} photos of {_count(found['identities'])} "
        f"people: {_count(found['genuine'])} genuine and {_count(found['impostor'])} impostor comparisons.\n\n"
        + _table(("verification", *(name for _, name in verifiers)), rows)
    )


def _tar(entry: dict[str, Any]) -> str:
    return _with_range(entry["tar"], entry["low95"], entry["high95"])


def _pairs(found: dict[str, Any] | None) -> str:
    if not found:
        return ""
    right = _with_range(found["accuracy"], found["low95"], found["high95"])
    return (
        f"### Listed pairs: {_plain(found['name'])}\n\nRight on **{right}** of {_count(found['genuine'])} genuine and "
        f"{_count(found['impostor'])} impostor pairs. {_plain(found['method'])} In {_count(found['no_face'])} of "
        f"{_count(found['images'])} photos no face was found; their pairs count as rejected."
    )


def _groups(found: dict[str, Any] | None) -> str:
    if not found or not found["by_label"]:
        return ""
    rows = []
    for label, sides in found["by_label"].items():
        for side, name in (("with", spaced(label)), ("without", f"not {spaced(label).lower()}")):
            group = sides[side]
            far = _with_range(group["far"], group["far_low95"], group["far_high95"])
            rows.append((name, _count(group["identities"]), far, percent(group["frr"]), _times(sides["ratio"])))
    widest = found["largest_ratio_label"]
    said = f"; the largest ratio of two FARs is {found['largest_ratio']:.1f}, by {spaced(widest)}" if widest else ""
    return (
        f"### Groups\n\nBoth photos of a comparison in the group, one threshold for all "
        f"({found['threshold_at']} over everyone){said}.\n\n"
        + _table(("both photos are", "people", "FAR", "FRR", "ratio of FARs"), rows)
    )


def _robustness(found: dict[str, Any] | None) -> str:
    if not found:
        return ""
    opening = (
        f"### When photos get worse\n\n{_count(found['images'])} photos of {_count(found['identities'])} people, "
        f"spoilt and compared with clean ones at the threshold of {found['threshold_at']}. Clean: "
        f"{percent(found['clean']['tar'])} of genuine comparisons accepted, "
        f"{percent(found['clean']['attribute_accuracy'])} of attribute labels hit."
    )
    return "\n\n".join([opening, *(_curve(curve) for curve in found["curves"].values())])


def _curve(curve: dict[str, Any]) -> str:
    rows = [
        ("genuine accepted", *map(percent, curve["tar"])),
        ("impostors accepted", *map(percent, curve["far"])),
        ("attribute labels hit", *map(percent, curve["attribute_accuracy"])),
    ]
    return _table((f"{curve['title']} ({curve['unit']})", *curve["labels"]), rows)


def _with_range(value: float | None, low: float | None, high: float | None) -> str:
    """56.6 % (52.9 to 60.3)."""
    if value is None or low is None or high is None:
        return percent(value)
    return f"{percent(value)} ({interval(low, high).removesuffix(' %')})"


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.1f}"


def _count(number: int) -> str:
    """With commas, as the text of a README has them."""
    return count(number).replace("\u202f", ",")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)


def _plain(text: str) -> str:
    """Text from a manifest or a list, which must not end a table's cell, a line or begin an HTML tag."""
    return " ".join(str(text).replace("|", "\\|").replace("<", "&lt;").split())
