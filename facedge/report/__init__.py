"""`facedge eval`: measure a run or a bundle, and write report.json, report.html and a model card's figures.

`evaluate` makes the record (plain JSON types, the contract), `page.render` turns a record into one HTML file,
`card.figures_card` into Markdown, and `write_report` writes them all. Nothing here needs torch or matplotlib: a bundle
is judged on the machine it runs on.
"""

from facedge.report.evaluate import Settings, evaluate
from facedge.report.write import write_report

__all__ = ["Settings", "evaluate", "write_report"]
