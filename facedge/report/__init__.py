"""`facedge eval`: measure a run or a bundle, write report.json and a report.html that reads well.

`evaluate` makes the record (plain JSON types, the contract), `page.render` turns a record into one HTML file, and
`write_report` writes both. Nothing here needs torch or matplotlib: a bundle is judged on the machine it runs on.
"""

from facedge.report.evaluate import Settings, evaluate
from facedge.report.write import write_report

__all__ = ["Settings", "evaluate", "write_report"]
