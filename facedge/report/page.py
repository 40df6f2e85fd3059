"""report.html from the record of report.json: one file that opens anywhere, without a network or a script."""

from html import escape
from typing import Any

from facedge.report import sections
from facedge.report.style import CSS
from facedge.report.words import count, percent


def render(record: dict[str, Any]) -> str:
    """The whole page for a record that `evaluate` made, sections without data left out."""
    name = escape(record["bundle"]["name"])
    parts = [
        _head(record),
        sections.verification(record),
        sections.pairs(record),
        sections.groups(record),
        sections.attributes(record),
        sections.robustness(record),
        sections.provenance(record),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}: how well it reads faces</title>\n<style>{CSS}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _head(record: dict[str, Any]) -> str:
    name = escape(record["bundle"]["name"])
    return (
        f'<header>\n<p class="kicker">facedge evaluation</p>\n<h1>How well {name} reads faces</h1>\n'
        f'<p class="lede">{_summary(record)}</p>\n{_figures(record)}\n</header>'
    )


def _summary(record: dict[str, Any]) -> str:
    """The result in two or three sentences, every number from the record."""
    said = []
    if found := record["verification"]:
        said.append(_verification_sentence(found))
    if found := record["attributes"]:
        said.append(
            f"Of the attribute labels it hits {percent(found['mean_accuracy'])}, where always guessing the majority "
            f"hits {percent(found['majority_accuracy'])}."
        )
    if found := record["pairs"]:
        said.append(
            f"On the {count(found['genuine'] + found['impostor'])} listed pairs it is right on "
            f"{percent(found['accuracy'])}."
        )
    return " ".join(said) or "Nothing was measured."


def _verification_sentence(found: dict[str, Any]) -> str:
    people = (
        f"{count(found['identities'])} people it has never seen"
        if found.get("unseen")
        else (f"{count(found['identities'])} people")
    )
    for key in ("1e-3", "1e-2"):
        entry = found["tar_at_far"][key]
        if entry["tar"] is not None:
            strangers = count(round(1 / float(key)))
            return (
                f"Among {people}, set to let in one stranger's photo in {strangers}, it accepts "
                f"{percent(entry['tar'])} of the comparisons of a person with themselves."
            )
    return f"Among {people} its equal error rate is {percent(found['eer'])}; they are too few to speak of lower rates."


def _figures(record: dict[str, Any]) -> str:
    tiles = []
    if found := record["verification"]:
        entry = found["tar_at_far"]["1e-3"]
        if entry["tar"] is not None:
            tiles.append((percent(entry["tar"]), "accepted at a false accept rate of 0.1 %"))
        tiles.append((percent(found["eer"]), "equal error rate"))
    if found := record["pairs"]:
        tiles.append((percent(found["accuracy"]), f"right on {found['name']}"))
    if found := record["attributes"]:
        tiles.append((percent(found["mean_accuracy"]), f"of labels; guessing: {percent(found['majority_accuracy'])}"))
    cells = "".join(f'<div><span class="figure">{a}</span><small>{escape(b)}</small></div>' for a, b in tiles)
    return f'<div class="figures">{cells}</div>' if tiles else ""
