"""`facedge eval`: measure a run or a bundle, and write report.json, report.html and a model card's figures.

`evaluate` makes the record (plain JSON types, the contract), `overview` and `sections` describe it as text, tables and
charts, `render` writes those as HTML and Markdown. Nothing here needs torch or matplotlib: a bundle is evaluated on the
machine it runs on.
"""
