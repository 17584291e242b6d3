"""Draws a table, one format a file: Markdown, CSV, LaTeX, HTML.

Names come from configs and stores, so every format escapes what it is given.
"""

from harness.report.escape import escape_html, escape_latex, escape_markdown
from harness.report.render.caption import caption
from harness.report.render.csv_file import to_csv
from harness.report.render.html import to_html, to_index
from harness.report.render.latex import to_latex
from harness.report.render.markdown import to_markdown

__all__ = [
    "caption",
    "escape_html",
    "escape_latex",
    "escape_markdown",
    "to_csv",
    "to_html",
    "to_index",
    "to_latex",
    "to_markdown",
]
