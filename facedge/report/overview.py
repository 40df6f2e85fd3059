"""The record in a few sentences: what was evaluated, on what, when, by which command, and the figures that matter."""

from typing import Any

from facedge.formatting import counted, percent


def origin(record: dict[str, Any]) -> list[str]:
    """What was evaluated, on what data, by what: one sentence each."""
    bundle, data = record["bundle"], record["data"]
    lines = []
    if data:
        lines.append(
            f"Evaluated on {data['name']}, {data['partition']} partition ({data['partition_kind']}): "
            f"{counted(data['images'], 'image')}."
        )
    return [
        *lines,
        "Ranges are 95 % intervals from a bootstrap over people, never over photos.",
        f"Written by `{record['command'] or 'facedge eval'}` ({record['created_by']}{_on(record)}) for "
        f"{bundle['name']}, sha256 `{bundle['sha256'][:16]}`.",
    ]


def provenance(record: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, value) of all that the record holds about the model and the data."""
    bundle, data = record["bundle"], record["data"]
    rows = [(bundle["kind"], bundle["name"]), ("sha256", bundle["sha256"])]
    rows += [(f"trained on: {key}", value) for key, value in bundle["trained_on"].items()]
    if data:
        rows.append(
            ("evaluated on", f"{data['name']}, {data['partition']} partition, {counted(data['images'], 'image')}")
        )
        rows += [(key.replace("_", " "), data[key]) for key in ("partition_kind", "licence")]
    rows += [("measured by", record["created_by"] + _on(record))]
    if record["command"]:
        rows.append(("command", record["command"]))
    return [(name, str(value)) for name, value in rows]


def _on(record: dict[str, Any]) -> str:
    """The day of the measurement: " on 2026-11-25"; "" where the record holds none."""
    return f" on {record['created'][:10]}" if record["created"] else ""


def summary(record: dict[str, Any]) -> str:
    """The result in one to three sentences."""
    lines = []
    if found := record["verification"]:
        lines.append(_verification_sentence(found))
    if found := record["attributes"]:
        lines.append(
            f"It predicts {percent(found['mean_accuracy'])} of the attribute labels correctly; always guessing the "
            f"majority gives {percent(found['majority_accuracy'])}."
        )
    if found := record["pairs"]:
        lines.append(
            f"Of {found['genuine'] + found['impostor']:,} listed pairs it classifies {percent(found['accuracy'])} "
            "correctly."
        )
    return " ".join(lines) or "Nothing was measured."


def key_figures(record: dict[str, Any]) -> list[tuple[str, str]]:
    """(figure, what it is) of the few most important ones."""
    figures = []
    if found := record["verification"]:
        entry = found["tar_at_far"]["1e-3"]
        if entry["tar"] is not None:
            figures.append((percent(entry["tar"]), "true accepts at a false accept rate of 0.1 %"))
        figures.append((percent(found["eer"]), "equal error rate"))
    if found := record["pairs"]:
        figures.append((percent(found["accuracy"]), f"correct on {found['name']}"))
    if found := record["attributes"]:
        guess = percent(found["majority_accuracy"])
        figures.append((percent(found["mean_accuracy"]), f"of labels correct; guess: {guess}"))
    return figures


def _verification_sentence(found: dict[str, Any]) -> str:
    people = counted(found["identities"], "person", "people")
    for key in ("1e-3", "1e-2"):
        entry = found["tar_at_far"][key]
        if entry["tar"] is not None:
            return (
                f"Among {people}, at a threshold that accepts one impostor comparison in {round(1 / float(key)):,}, it "
                f"accepts {percent(entry['tar'])} of the genuine comparisons."
            )
    return f"Among {people} its equal error rate is {percent(found['eer'])}; they are too few to measure lower rates."
