"""From MLflow runs to tables and plots. Reads runs only; never imports TensorFlow."""

from harness.report.report import FORMATS, ReportResult, report
from harness.report.spec import (
    ACCURACY,
    BLEU,
    PageColumn,
    Quality,
    RowSpec,
    TableSpec,
    rows_from_cells,
)

__all__ = [
    "ACCURACY",
    "BLEU",
    "FORMATS",
    "PageColumn",
    "Quality",
    "ReportResult",
    "RowSpec",
    "TableSpec",
    "report",
    "rows_from_cells",
]
