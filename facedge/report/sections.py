"""The record in words, tables and charts: the one description that both report.html and card.md are rendered from."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from facedge.formatting import counted, label_text, percent, rate, with_interval
from facedge.report import charts
from facedge.report.groups import LEAST_PEOPLE, group_name, shown_groups, shown_ratios
from facedge.report.verification import operating_threshold

MODEL = "this model"
BASELINES = {"attributes_read": "its attributes alone", "attributes_known": "perfect attributes"}


@dataclass(frozen=True)
class Table:
    """A head, rows of text, and notes below; `folded` tables hold what a chart shows and open on demand in HTML."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    folded: bool = False


@dataclass(frozen=True)
class Chart:
    """An SVG picture, for HTML only."""

    svg: str
    caption: str = ""
    title: str = ""


@dataclass(frozen=True)
class Charts:
    """Charts side by side under one legend of (CSS class of the series, its name)."""

    charts: tuple[Chart, ...]
    legend: tuple[tuple[str, str], ...] = ()


Part: TypeAlias = str | Table | Charts  # str: a paragraph, with **bold** and `code`


@dataclass(frozen=True)
class Section:
    """A title and its parts in reading order."""

    title: str
    parts: tuple[Part, ...]


def describe(record: dict[str, Any]) -> list[Section]:
    """A section for each part of the record that was measured."""
    made = {
        "head": _head,
        "verification": _verification,
        "pairs": _pairs,
        "groups": _groups,
        "attributes": _attributes,
        "robustness": _robustness,
    }
    sections = [make(record) for part, make in made.items() if record[part]]
    return [section for section in sections if section.parts]


def _verification(record: dict[str, Any]) -> Section:
    found, baselines = record["verification"], record["baselines"] or {}
    beside = [key for key in BASELINES if key in baselines]
    names = (MODEL, *(BASELINES[key] for key in beside))
    columns = [found, *(baselines[key] for key in beside)]
    rows = [_row("EER", found["eer_threshold"], (_eer(column) for column in columns))]
    for key, entry in found["tar_at_far"].items():
        tars = (_tar(column["tar_at_far"][key]) for column in columns)
        rows.append(_row(f"TAR at FAR {rate(float(key))}", entry["threshold"], tars))
    text = (
        f"All pairs of {found['images']:,} photos of {found['identities']:,} people: {found['genuine']:,} genuine and "
        f"{found['impostor']:,} impostor comparisons. A comparison is accepted when its score reaches the threshold."
    )
    roc = Chart(
        charts.roc_chart(found, record["baselines"]),
        "Share of genuine comparisons accepted (TAR) at each share of impostor comparisons accepted (FAR), down to the "
        "lowest FAR that the table supports. The pale bars are 95 % intervals.",
    )
    det = Chart(
        charts.det_chart(found, record["baselines"]),
        "Share of genuine comparisons rejected (FRR) at each FAR, the DET curve: lower is better. The dot on the "
        "dotted diagonal is the equal error rate. In the shaded region so few people measure no FAR.",
    )
    notes = [f"FAR {rate(float(key))}: {_behind(entry)}." for key, entry in found["tar_at_far"].items()]
    notes.append(
        f"Area under the ROC: {found['auc']:.4f}. At the level of single comparisons, ISO/IEC 19795-1 calls FAR "
        "and FRR FMR and FNMR."
    )
    legend = tuple(zip(("one", "two", "three"), names, strict=False))
    scores = charts.score_chart(found, operating_threshold(found))
    return Section(
        "Verification",
        (
            text,
            Charts((roc,), legend=legend),
            Table(("verification", MODEL, "threshold", *names[1:]), tuple(rows), tuple(notes)),
            Charts((det,), legend=legend),
            Charts(
                (Chart(scores, "Scores of both kinds of comparison, each as shares of its own kind."),),
                legend=(("one", "genuine"), ("two", "impostor")),
            ),
        ),
    )


def _row(name: str, threshold: float | None, cells: Iterable[str]) -> tuple[str, ...]:
    """A row of the table: the name, this model's figure and its threshold, and the baselines' figures."""
    own, *others = cells
    return (name, own, "-" if threshold is None else f"{threshold:.4f}", *others)


def _eer(column: dict[str, Any]) -> str:
    return with_interval(column["eer"], column["eer_low95"], column["eer_high95"])


def _head(record: dict[str, Any]) -> Section:
    """The enrolled person's head against everybody in the data."""
    found, title = record["head"], "The enrolled person"
    if found["far"] is None:
        text = "Nobody in the data has a known identity, so that the head's false accepts cannot be counted by people."
        return Section(title, (text,))
    far = with_interval(found["far"], found["far_low95"], found["far_high95"])
    text = (
        f"The head of {record['bundle']['name']} accepts **{far}** of {found['images']:,} photos of "
        f"{counted(found['identities'], 'other person', 'other people')}: {counted(found['accepted'], 'photo')} of "
        f"{counted(found['accepted_identities'], 'person', 'people')}, at its threshold of {found['threshold']:.4f}."
    )
    if found["far_target"] is not None:
        text += (
            f" That threshold was set for a FAR of {rate(found['far_target'])}, by the bundle's own calibration at "
            f"most {percent(found['far_upper95'])}."
        )
    return Section(title, (text,))


def _tar(entry: dict[str, Any]) -> str:
    return with_interval(entry["tar"], entry["low95"], entry["high95"])


def _behind(entry: dict[str, Any]) -> str:
    """The counts that a TAR at a FAR rests on, or the reason why there is none."""
    if entry["tar"] is None:
        return str(entry["refused"])
    accepts = counted(entry["far_accepted"], "false accept")
    return f"{accepts} by {counted(entry['far_accepted_pairs'], 'pair of people', 'pairs of people')}"


def _pairs(record: dict[str, Any]) -> Section:
    found = record["pairs"]
    correct = with_interval(found["accuracy"], found["low95"], found["high95"])
    text = (
        f"Correct on **{correct}** of {found['genuine']:,} genuine and {found['impostor']:,} impostor pairs of "
        f"{found['identities']:,} people. {found['method']} In {found['no_face']:,} of {found['images']:,} photos no "
        "usable face was found (none, or one that is tilted or distorted); a pair with such a photo counts as "
        "rejected."
    )
    return Section(f"Listed pairs: {found['name']}", (text,))


def _groups(record: dict[str, Any]) -> Section:
    found = record["groups"]
    shown, ratios = shown_groups(found), shown_ratios(found)
    if not shown:
        return Section("Groups", ())
    ratio_of = {ratio.label: ratio.text() for ratio in ratios}
    rows = [
        (
            group_name(label, side),
            f"{group['identities']:,}",
            f"{group['impostor']:,}",
            with_interval(group["far"], group["far_low95"], group["far_high95"]),
            with_interval(group["frr"], group["frr_low95"], group["frr_high95"]),
            ratio_of.get(label, "-"),
        )
        for label, side, group in shown
    ]
    text = (
        f"Both photos of a comparison are in the group; one threshold for all ({found['threshold_at']} over everyone). "
    )
    if ratios:
        text += f"The largest ratio of two FARs is **{ratios[0].text()}**, by {label_text(ratios[0].label)}."
    else:
        text += "No label has false accepts on both of its sides, so there is no ratio of FARs."
    notes = [
        "Two people of one group are often more alike than any two people, so FARs within groups tend to be higher. "
        "The labels are the dataset’s, given by annotators from the photo alone."
    ]
    if len(shown) < 2 * len(found["by_label"]):
        notes.append(f"Groups of fewer than {LEAST_PEOPLE} people are not shown.")
    chart = Chart(charts.group_chart(found), "False accepts between two people of one group, with 95 % intervals.")
    head = ("both photos are", "people", "impostors", "FAR", "FRR", "ratio of FARs")
    return Section("Groups", (text, Charts((chart,)), Table(head, tuple(rows), tuple(notes))))


def _attributes(record: dict[str, Any]) -> Section:
    found = record["attributes"]
    accuracy = with_interval(found["mean_accuracy"], found["mean_accuracy_low95"], found["mean_accuracy_high95"])
    learned = found["majority_accuracy_from_train"]
    text = (
        "Most labels are rare, so that never predicting them is right for most photos already: accuracy is compared "
        "with guessing the majority of these very labels."
    )
    if learned is not None:
        text += f" The majority of the train partition is right on {percent(learned)}."
    rows = (
        ("accuracy", accuracy, percent(found["majority_accuracy"])),
        ("balanced accuracy", percent(found["balanced_accuracy"]), "50.0 %"),
        ("macro-F1 of “present”", percent(found["macro_f1"]), "-"),
        ("area under the ROC", percent(found["mean_auc"]), "50.0 %"),
        ("calibration error", percent(found["calibration_error"]), "-"),
    )
    chart = Chart(
        charts.attribute_chart(found["per_attribute"]),
        "From the majority guess (grey mark) to the model (dot), largest gain first; gain in percentage points.",
    )
    head = (f"mean of {len(found['per_attribute'])} attributes", MODEL, "majority guess")
    return Section("Attributes", (text, Table(head, rows), Charts((chart,))))


def _robustness(record: dict[str, Any]) -> Section:
    found = record["robustness"]
    clean, curves = found["clean"], found["curves"].values()
    text = (
        f"{found['images']:,} photos of {found['identities']:,} people are degraded and compared with clean ones, at "
        f"the threshold of {found['threshold_at']}. Clean (dotted in charts): {percent(clean['tar'])} of genuine "
        f"comparisons accepted, {percent(clean['attribute_accuracy'])} of attribute labels correct."
    )
    pictures = Charts(
        tuple(Chart(charts.robustness_chart(curve, clean), title=curve["title"]) for curve in curves),
        legend=(("one", "genuine accepted"), ("two", "attribute labels correct")),
    )
    return Section("Robustness", (text, pictures, *(_curve_table(curve) for curve in curves)))


def _curve_table(curve: dict[str, Any]) -> Table:
    rows = (
        ("genuine accepted", *map(percent, curve["tar"])),
        ("impostors accepted", *map(percent, curve["far"])),
        ("attribute labels correct", *map(percent, curve["attribute_accuracy"])),
    )
    return Table((f"{curve['title']} ({curve['unit']})", *curve["labels"]), rows, folded=True)
