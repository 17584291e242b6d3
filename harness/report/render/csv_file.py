"""A table for machines."""

from typing import Any

import pandas as pd

from harness.report.escape import escape_spreadsheet
from harness.report.frame import to_frame
from harness.report.grid import NOT_AVAILABLE, NOT_RUN
from harness.report.tables import Table

#: Columns of what is known of a row before it was run.
_KNOWN = ("model", "sparsity", "variant", "scale", "metric", "unit", "seeds", "seeds_planned")


def to_csv(table: Table) -> str:
    """Draws a table for machines: a line a row of cells, unrounded, run ids at its end.

    What was never measured reads "not run", what a run did not log, or has no meaning in a
    row, "n/a".
    """
    frame = to_frame(table)
    never = [not seeds for seeds in frame["seeds"]]
    text = {}
    for name in map(str, frame):
        known = name in _KNOWN or name.startswith("published_")
        column = zip(frame[name].tolist(), never, strict=True)
        text[name] = [NOT_RUN if new and not known else _text(value) for value, new in column]
    return pd.DataFrame(text).to_csv(index=False, lineterminator="\n")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return escape_spreadsheet(value) or NOT_AVAILABLE
    return NOT_AVAILABLE if value is None or value != value else f"{value:.10g}"
