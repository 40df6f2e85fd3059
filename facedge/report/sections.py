"""The sections of report.html, each an HTML fragment from its part of the record; "" where the part is missing."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from facedge.report import charts
from facedge.report.verification import operating_threshold
from facedge.report.words import count, interval, percent, rate, spaced

ATTRIBUTE_VERIFIERS = (("two", "a verifier of the attributes it reads"), ("three", "of attributes known perfectly"))


def verification(record: dict[str, Any]) -> str:
    """ROC, scores and the table of TAR at FAR."""
    found = record["verification"]
    if not found:
        return ""
    threshold, at = operating_threshold(found)
    gap = f"{percent(found['eer'])} ({interval(found['eer_low95'], found['eer_high95'])})"
    return (
        "<section>\n<h2>Telling people apart</h2>\n"
        f"<p>All pairs of {count(found['images'])} photos of {count(found['identities'])} people: "
        f"{count(found['genuine'])} comparisons of a person with themselves, {count(found['impostor'])} of strangers. "
        "A comparison is accepted when its score reaches the threshold.</p>\n"
        + _legend(("one", "this model"), *(ATTRIBUTE_VERIFIERS if record["baselines"] else ()))
        + _figure(
            charts.roc_chart(found, record["baselines"]),
            "Share of genuine comparisons accepted, for each share of strangers let in. The pale bars are 95 % "
            "intervals: what other people in the test would have changed.",
        )
        + _tar_table(record)
        + f'<p class="note">Equal error rate {gap}, area under the curve {found["auc"]:.4f}. Brackets and ranges are '
        "95 % intervals from a bootstrap over people, never over photos. At the level of single comparisons, FAR and "
        "FRR are what ISO/IEC 19795-1 calls FMR and FNMR.</p>\n"
        + _legend(("one", "genuine"), ("two", "impostor"))
        + _figure(
            charts.score_chart(found, threshold, at),
            "Scores of both kinds of comparison, each as shares of its own kind.",
        )
        + "</section>"
    )


def pairs(record: dict[str, Any]) -> str:
    """Accuracy on the listed pairs."""
    found = record["pairs"]
    if not found:
        return ""
    missing = found["no_face"]
    lost = (
        f" In {count(missing)} of {count(found['images'])} photos no face was found; a pair with such a photo counts "
        "as rejected, as a door would."
        if missing
        else ""
    )
    return (
        f"<section>\n<h2>Listed pairs: {escape(found['name'])}</h2>\n<p>Right on "
        f"<strong>{percent(found['accuracy'])}</strong> ({interval(found['low95'], found['high95'])}) of "
        f"{count(found['genuine'])} genuine and {count(found['impostor'])} impostor pairs of "
        f"{count(found['identities'])} people. {escape(found['method'])}{lost}</p>\n</section>"
    )


def groups(record: dict[str, Any]) -> str:
    """FAR by group at one threshold."""
    found = record["groups"]
    if not found or not found["by_label"]:
        return ""
    rows = []
    for label, sides in found["by_label"].items():
        for side in ("with", "without"):
            g = sides[side]
            name = spaced(label) if side == "with" else f"not {spaced(label).lower()}"
            range_ = interval(g["far_low95"], g["far_high95"])
            far = (percent(g["far"]), range_, percent(g["frr"]))
            rows.append((name, count(g["identities"]), count(g["impostor"]), *far))
    return (
        "<section>\n<h2>The same threshold for everyone</h2>\n"
        f"<p>{_ratio_sentence(found)}</p>\n"
        + _figure(charts.group_chart(found), "False accepts between strangers of one group, with 95 % intervals.")
        + _table(("both photos are", "people", "impostors", "FAR", "95 % interval", "FRR"), rows)
        + '<p class="note">Impostors are comparisons of two strangers of the group, who often look more alike than '
        "strangers at large. The labels are the dataset’s, given by annotators from the photo alone.</p>\n</section>"
    )


def attributes(record: dict[str, Any]) -> str:
    """Means beside the majority guess, and one row an attribute."""
    found = record["attributes"]
    if not found:
        return ""
    rows = [
        ("accuracy", percent(found["mean_accuracy"]), percent(found["majority_accuracy"])),
        ("balanced accuracy", percent(found["balanced_accuracy"]), "50.0 %"),
        ("macro-F1 of “present”", percent(found["macro_f1"]), "–"),
        ("area under the ROC", percent(found["mean_auc"]), "50.0 %"),
        ("calibration error", percent(found["calibration_error"]), "–"),
    ]
    return (
        "<section>\n<h2>Reading attributes</h2>\n"
        "<p>Accuracy alone flatters: most labels are rare, and never naming them is mostly right. So beside every "
        f"figure stands what guessing the majority of these very labels gives.{_learned(found)}</p>\n"
        + _table(("mean over the attributes", "this model", "majority guess"), rows)
        + _figure(
            charts.attribute_chart(found["per_attribute"]),
            "From the majority guess (grey mark) to the model (dot), most gained first; gain in percentage points.",
        )
        + "</section>"
    )


def _learned(found: dict[str, Any]) -> str:
    """The weaker guess, whose majority comes from other people's photos."""
    learned = found["majority_accuracy_from_train"]
    return "" if learned is None else f" (Learned on the train partition, the guess hits {percent(learned)}.)"


def robustness(record: dict[str, Any]) -> str:
    """Small multiples, one a degradation."""
    found = record["robustness"]
    if not found:
        return ""
    cells = "".join(
        f"<figure><h3>{escape(curve['title'])}</h3>{charts.robustness_chart(curve, found['clean'])}</figure>"
        for curve in found["curves"].values()
    )
    return (
        "<section>\n<h2>When photos get worse</h2>\n"
        f"<p>{count(found['images'])} photos of {count(found['identities'])} people are spoilt on purpose and compared "
        f"with the clean ones, at the threshold of {escape(found['threshold_at'])}. "
        "Dotted: clean probes.</p>\n"
        + _legend(("one", "genuine comparisons accepted"), ("two", "attribute labels hit"))
        + f'<div class="pair">{cells}</div>\n</section>'
    )


def provenance(record: dict[str, Any]) -> str:
    """What was measured, on what, by what."""
    bundle, data = record["bundle"], record["data"]
    rows = [(bundle["kind"], escape(bundle["name"])), ("sha256", f"<code>{escape(bundle['sha256'])}</code>")]
    rows += [(f"trained on: {key}", escape(str(value))) for key, value in bundle["trained_on"].items()]
    if data:
        judged = f"{escape(data['name'])}, {escape(data['partition'])} partition, {count(data['images'])} images"
        rows.append(("judged on", judged))
        rows += [
            (key.replace("_", " "), escape(str(data[key])))
            for key in ("partition_kind", "licence", "note")
            if key in data
        ]
    rows.append(("measured by", escape(record["created_by"])))
    terms = "".join(f"<dt>{escape(key)}</dt><dd>{value}</dd>" for key, value in rows)
    return (
        "<section>\n<h2>What these figures stand on</h2>\n"
        f"<dl>{terms}</dl>\n"
        '<p class="note">Figures on a part of a dataset, or on a partition of one’s own, stand beside other models '
        "measured on the same files, not beside a paper’s. Everything on this page is in <code>report.json</code>."
        "</p>\n</section>"
    )


def _tar_table(record: dict[str, Any]) -> str:
    found, baselines = record["verification"], record["baselines"] or {}
    rows: list[Sequence[str]] = []
    for key, entry in found["tar_at_far"].items():
        target = rate(float(key))
        if entry["tar"] is None:
            rows.append((target, f'<td class="prose" colspan="4">{escape(entry["refused"])}</td>'))
            continue
        accepted = f"{count(entry['far_accepted'])} by {count(entry['far_accepted_pairs'])} pairs"
        known = baselines.get("attributes_known")
        other = percent(known["tar_at_far"][key]["tar"]) if known else "–"
        range_ = interval(entry["low95"], entry["high95"])
        rows.append((target, f"<strong>{percent(entry['tar'])}</strong>", range_, accepted, other))
    head = (
        "false accept rate",
        "accepted (TAR)",
        "95 % interval",
        "false accepts behind it, by pairs of people",
        "perfect attributes",
    )
    return _table(head, rows)


def _ratio_sentence(found: dict[str, Any]) -> str:
    start = f"One threshold ({escape(found['threshold_at'])} over all comparisons), judged within groups. "
    if found["largest_ratio"] is None:
        return start + "No group has a false accept on both of its sides, so there is no ratio to give."
    label = spaced(found["largest_ratio_label"]).lower()
    return start + (
        f"The widest gap is by <em>{escape(label)}</em>: strangers on one side of the label pass "
        f"<strong>{found['largest_ratio']:.1f} times</strong> as often as on the other."
    )


def _legend(*series: tuple[str, str]) -> str:
    keys = "".join(f'<span><span class="key {style}"></span>{escape(name)}</span>' for style, name in series)
    return f'<p class="legend">{keys}</p>\n'


def _figure(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{caption}</figcaption></figure>\n" if svg else ""


def _table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML already; one that brings its own <td> is taken as it is."""
    header = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(c if c.startswith("<td") else f"<td>{c}</td>" for c in row) + "</tr>" for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table></div>\n'
