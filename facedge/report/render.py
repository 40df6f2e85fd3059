"""report.html, card.md and report.json from a record: the sections as HTML and as Markdown, and the files written.

The page is one file that opens anywhere, without a network or a script.
"""

import re
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from facedge.files import write_bytes, write_json
from facedge.report.sections import (
    Chart,
    Charts,
    Part,
    Section,
    Table,
    describe,
    key_figures,
    origin,
    provenance,
    summary,
)
from facedge.report.style import CSS

OUTLOOK = (
    "Figures on a part of a dataset, or on a partition of one’s own, are comparable with other models measured on the "
    "same files, not with those of a paper. Everything on this page is in `report.json`."
)


def write_report(record: dict[str, Any], folder: str | Path) -> tuple[Path, Path]:
    """Write a record of `evaluate` into `folder` (made if need be) as report.json, report.html and card.md.

    Each is written whole or not at all. Returns the paths of the first two. Raises StorageError where a file cannot be
    written, ValueError for a record with NaN.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    data, page = target / "report.json", target / "report.html"
    write_json(data, record)
    write_bytes(page, html_page(record).encode())
    write_bytes(target / "card.md", figures_card(record).encode())
    return data, page


def figures_card(record: dict[str, Any]) -> str:
    """The figures section of a model card, Markdown that begins with `## Figures`."""
    blocks = ["## Figures", "\n".join(_one_line(line) for line in origin(record))]
    for section in describe(record):
        blocks.append(f"### {_one_line(section.title)}")
        blocks += [_markdown(part) for part in section.parts if not isinstance(part, Charts)]
    return "\n\n".join(blocks) + "\n"


def _markdown(part: str | Table) -> str:
    if isinstance(part, str):
        return _one_line(part)
    lines = [part.head, ["---"] * len(part.head), *part.rows]
    table = "\n".join("| " + " | ".join(_one_line(cell) for cell in line) + " |" for line in lines)
    return "\n\n".join([table, *(_one_line(note) for note in part.notes)])


def _one_line(text: str) -> str:
    """Text from a manifest or a list must not end a table's cell or a line, nor begin an HTML tag."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def html_page(record: dict[str, Any]) -> str:
    """The whole page; parts that were not measured are left out."""
    title = f"Evaluation of {escape(record['bundle']['name'])}"
    body = "\n".join([_header(record, title), *map(_section, describe(record)), _provenance(record)])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{CSS}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _header(record: dict[str, Any], title: str) -> str:
    cells = "".join(
        f'<div><span class="figure">{escape(figure)}</span><small>{escape(what)}</small></div>'
        for figure, what in key_figures(record)
    )
    return (
        f'<header>\n<p class="kicker">facedge report</p>\n<h1>{title}</h1>\n'
        f'<p class="lede">{_inline(summary(record))}</p>\n'
        + (f'<div class="figures">{cells}</div>\n' if cells else "")
        + f'<p class="note">{_inline(" ".join(origin(record)))}</p>\n</header>'
    )


def _section(section: Section) -> str:
    parts = "\n".join(_html(part) for part in section.parts)
    return f"<section>\n<h2>{escape(section.title)}</h2>\n{parts}\n</section>"


def _html(part: Part) -> str:
    if isinstance(part, str):
        return f"<p>{_inline(part)}</p>"
    return _table(part) if isinstance(part, Table) else _charts(part)


def _table(table: Table) -> str:
    rows = "".join(f"<tr>{_cells('td', row)}</tr>" for row in table.rows)
    grid = f"<table><thead><tr>{_cells('th', table.head)}</tr></thead><tbody>{rows}</tbody></table>"
    notes = "".join(f'\n<p class="note">{_inline(note)}</p>' for note in table.notes)
    shown = f'<div class="wide">{grid}</div>{notes}'
    return f"<details><summary>{escape(table.head[0])}</summary>{shown}</details>" if table.folded else shown


def _cells(tag: str, texts: Iterable[str]) -> str:
    return "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts)


def _charts(part: Charts) -> str:
    keys = "".join(f'<span><span class="key {style}"></span>{escape(name)}</span>' for style, name in part.legend)
    figures = "".join(_figure(chart) for chart in part.charts if chart.svg)
    if len(part.charts) > 1:
        figures = f'<div class="pair">{figures}</div>'
    return (f'<p class="legend">{keys}</p>\n' if keys else "") + figures


def _figure(chart: Chart) -> str:
    title = f"<h3>{escape(chart.title)}</h3>" if chart.title else ""
    caption = f"<figcaption>{escape(chart.caption)}</figcaption>" if chart.caption else ""
    return f"<figure>{title}{chart.svg}{caption}</figure>"


def _provenance(record: dict[str, Any]) -> str:
    terms = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in provenance(record))
    return f'<section>\n<h2>Provenance</h2>\n<dl>{terms}</dl>\n<p class="note">{_inline(OUTLOOK)}</p>\n</section>'


def _inline(text: str) -> str:
    """Text as HTML, with **bold** and `code`."""
    bold = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text))
    return re.sub(r"`([^`<>]+)`", r"<code>\1</code>", bold)
