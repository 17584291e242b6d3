"""From MLflow runs to tables and plots. Reads runs only; never imports TensorFlow."""

from harness.report.filters import Selection, UnknownKeyError, parse_filter, parse_since
from harness.report.report import (
    FORMATS,
    ReportResult,
    read_table,
    report,
    write_index,
    write_table,
)
from harness.report.rows import rows_from_cells, rows_from_runs
from harness.report.table_spec import ACCURACY, BLEU, PageColumn, RowSpec, TableSpec

__all__ = [
    "ACCURACY",
    "BLEU",
    "FORMATS",
    "PageColumn",
    "ReportResult",
    "RowSpec",
    "Selection",
    "TableSpec",
    "UnknownKeyError",
    "parse_filter",
    "parse_since",
    "read_table",
    "report",
    "rows_from_cells",
    "rows_from_runs",
    "write_index",
    "write_table",
]
