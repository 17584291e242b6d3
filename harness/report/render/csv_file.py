"""A table for machines."""

import csv
import io

from harness.report.layout import NOT_AVAILABLE, NOT_RUN
from harness.report.tables import Entry, Table

_CSV_HEADINGS = (
    *("model", "sparsity", "variant", "scale", "metric", "unit", "seeds", "seeds_planned"),
    *("mean", "half_width_95"),
    *("difference_from_dense", "difference_half_width_95", "difference_pairs"),
    *("sparsity_prunable", "sparsity_all", "prunable_params", "total_params", "nonzero_params"),
    *("bytes", "gzip_bytes", "gzip_reduction", "train_seconds", "step_ms"),
    *("flops_dense", "flops_effective", "latency_ms", "latency_reduction"),
    *("published_full_scale", "published_difference_from_dense", "published_source"),
    *("data", "run_ids"),
)


def to_csv(table: Table) -> str:
    """Draws a table for machines: a line a row of cells, unrounded, run ids at its end.

    Sparsities are fractions. What was never measured reads "not run", what a run did not
    log, or has no meaning in a row, "n/a".
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_CSV_HEADINGS)
    writer.writerows(_csv_line(table, entry) for entry in table.entries)
    return out.getvalue()


def _text(text: str) -> str:
    """Keeps a spreadsheet from taking a name for a formula.

    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _csv_line(table: Table, entry: Entry) -> list[str]:
    quality, delta, published = entry.quality, entry.difference, entry.published
    measured: list[float | None] = [
        quality.mean if quality else None,
        quality.half_width if quality else None,
        delta.mean if delta else None,
        delta.half_width if delta else None,
        delta.n if delta else None,
        entry.sparsity_prunable,
        entry.sparsity_all,
        entry.prunable_params,
        entry.total_params,
        entry.nonzero_params,
        entry.bytes_raw,
        entry.bytes_gzip,
        entry.gzip_reduction,
        entry.train_seconds,
        entry.step_ms,
        entry.flops_dense,
        entry.flops_effective,
        entry.latency_ms,
        entry.latency_reduction,
    ]
    return [
        _text(entry.spec.model),
        _text(entry.spec.sparsity),
        _text(entry.spec.variant) or NOT_AVAILABLE,
        table.spec.scale,
        table.spec.quality.metric,
        table.spec.quality.unit or NOT_AVAILABLE,
        str(len(entry.runs)),
        str(len(entry.spec.seeds)) if entry.spec.seeds else NOT_AVAILABLE,
        *[NOT_RUN if quality is None else _exact(value) for value in measured],
        published.text if published else NOT_AVAILABLE,
        _exact(entry.published_difference),
        published.source if published else NOT_AVAILABLE,
        _text("; ".join(sorted({r.tags.get("harness.data", NOT_AVAILABLE) for r in entry.runs})))
        or NOT_RUN,
        " ".join(run.run_id for run in entry.runs) or NOT_RUN,
    ]


def _exact(value: float | None) -> str:
    return NOT_AVAILABLE if value is None else f"{value:.10g}"
