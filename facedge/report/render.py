"""report.html, card.md and report.json from a record: the sections as HTML and as Markdown, and the files written.

The page is one file that opens anywhere, without a network or a script.
"""

import re
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from facedge.files import make_folder, write_bytes, write_json
from facedge.report.overview import key_figures, origin, provenance, summary
from facedge.report.sections import Chart, Charts, Part, Section, Table, describe

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
    make_folder(target)
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
    label = escape(table.head[0], quote=True)
    notes = "".join(f'\n<p class="note">{_inline(note)}</p>' for note in table.notes)
    shown = f'<div class="wide" role="region" aria-label="{label}" tabindex="0">{grid}</div>{notes}'
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


CSS = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --ink: #23262b; --soft: #6a6f78; --rule: #e3e0d8; --card: #ffffff;
  --one: #1f6f78; --two: #c0763a; --three: #8b8f98; --bad: #b23a48; --tint: #1f6f7814; --shade: #23262b40;
  --serif: Charter, "Bitstream Charter", "Sitka Text", Cambria, Georgia, serif;
  --sans: system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "Noto Sans", Arial, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181c; --ink: #e4e2dc; --soft: #989da6; --rule: #2d3036; --card: #1c1f24;
    --one: #62bcc4; --two: #e0a06a; --three: #7d828c; --bad: #e57f8a; --tint: #62bcc41c; --shade: #00000099;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 var(--sans);
  font-variant-numeric: lining-nums tabular-nums; -webkit-text-size-adjust: 100%; }
main { max-width: 820px; margin: 0 auto; padding: 64px 20px 88px; }
h1, h2, h3, .lede, .figure { font-family: var(--serif); font-weight: 600; text-wrap: balance; }
h1 { font-size: 2.15rem; line-height: 1.2; margin: 0 0 .3em; letter-spacing: -.01em; }
h2 { font-size: 1.42rem; line-height: 1.3; margin: 3.4rem 0 .5rem; }
h3 { font-size: 1.02rem; margin: 0 0 .1rem; }
p { margin: .6rem 0; text-wrap: pretty; }
.lede { font-size: 1.16rem; line-height: 1.6; font-weight: 400; margin: 1.1rem 0 0; text-wrap: pretty; }
.kicker, figcaption, .note { color: var(--soft); font-size: .875rem; line-height: 1.5; }
.kicker { letter-spacing: .02em; margin: 0 0 .5rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(158px, 1fr)); gap: 0; margin: 2rem 0 0;
  border-top: 1px solid var(--rule); border-bottom: 1px solid var(--rule); }
.figures > div { padding: 16px 16px 14px 0; }
.figures > div + div { padding-left: 16px; border-left: 1px solid var(--rule); }
.figure { font-size: 1.75rem; line-height: 1.15; display: block; }
.figures small { color: var(--soft); font-size: .82rem; line-height: 1.4; display: block; margin-top: 4px; }
figure { margin: 1.2rem 0 1.6rem; } .legend + figure { margin-top: .4rem; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
figcaption { margin-top: .35rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 26px 32px; }
.pair figure { margin: 0; }
details { border-bottom: 1px solid var(--rule); font-size: .92rem; } .pair + details { margin-top: 1.6rem; }
summary { cursor: pointer; padding: 7px 0; color: var(--soft); }
details table { margin: 0 0 .8rem; } details tr:last-child td { border-bottom: 0; }
.wide { overflow-x: auto; background:
  linear-gradient(90deg, var(--paper) 40%, transparent) left / 36px 100% no-repeat local,
  linear-gradient(-90deg, var(--paper) 40%, transparent) right / 36px 100% no-repeat local,
  linear-gradient(90deg, var(--shade), transparent) left / 14px 100% no-repeat scroll,
  linear-gradient(-90deg, var(--shade), transparent) right / 14px 100% no-repeat scroll; }
.wide:focus-visible { outline: 2px solid var(--one); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; margin: 1rem 0; }
th, td { padding: 7px 12px 7px 0; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th:last-child, td:last-child { padding-right: 0; }
.wide + .note { margin-top: -.4rem; } .note + .note { margin-top: -.3rem; }
thead th { color: var(--soft); font-weight: 500; font-size: .82rem; vertical-align: bottom; white-space: normal; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; font-size: .92rem; margin: 1rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
code { font: .86em ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.key { display: inline-block; width: .72em; height: .72em; border-radius: 50%; margin-right: .35em; }
.legend { margin: 1.1rem 0 .9rem; font-size: .875rem; } .legend > span { margin-right: 1.4em; white-space: nowrap; }
.key.three { background: var(--three); }
.key.one { background: var(--one); } .key.two { background: var(--two); }
svg text { font: 12.5px var(--sans); fill: var(--ink); font-variant-numeric: tabular-nums; }
svg .tick, svg .axis { fill: var(--soft); font-size: 12px; }
.grid { stroke: var(--rule); stroke-width: 1; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
.curve.one { stroke: var(--one); stroke-width: 2.6; } .curve.two { stroke: var(--two); }
.curve.three { stroke: var(--three); }
.area { stroke-width: 1.4; stroke-linejoin: round; fill-opacity: .16; }
.area.one { stroke: var(--one); fill: var(--one); } .area.two { stroke: var(--two); fill: var(--two); }
.clean { stroke-width: 1; stroke-dasharray: 2 4; } .clean.one { stroke: var(--one); } .clean.two { stroke: var(--two); }
.dot.one { fill: var(--one); } .dot.two { fill: var(--two); } .dot.bad { fill: var(--bad); }
.whisker { stroke: var(--one); stroke-width: 5; stroke-opacity: .28; stroke-linecap: round; }
.unmeasured { fill: var(--three); fill-opacity: .16; } .equal { stroke: var(--three); stroke-dasharray: 2 4; }
.mark { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 3 3; }
.gain { stroke: var(--one); stroke-width: 5; stroke-opacity: .25; }
.loss { stroke: var(--bad); stroke-width: 5; stroke-opacity: .3; }
.guess { stroke: var(--three); stroke-width: 2; }
@media (max-width: 560px) { main { padding-top: 36px; } h1 { font-size: 1.7rem; }
  .figures > div + div { padding-left: 0; border-left: 0; }
  figure { overflow-x: auto; } .legend > span { display: block; }
  main > section > figure > svg { min-width: 560px; } }
@media print { @page { margin: 16mm; }
  :root { color-scheme: light; --paper: #fff; --ink: #16181c; --soft: #555a62; --rule: #d5d2ca; --card: #fff;
    --one: #1f6f78; --two: #a85f25; --three: #7b7f88; --bad: #b23a48; --shade: transparent; }
  body { background: none; font-size: 10.5pt; } main { max-width: none; padding: 0; }
  details::details-content { content-visibility: visible; display: block; height: auto; }
  summary { list-style: none; } .wide { overflow: visible; background: none; }
  table { font-size: 8.5pt; } th, td { padding: 3px 8px 3px 0; } h2 { margin-top: 1.6rem; break-after: avoid; }
  .pair { grid-template-columns: 1fr 1fr; } figure, tr, .figures { break-inside: avoid; } }
"""
