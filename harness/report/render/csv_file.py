"""A table for machines."""

from typing import Any

import pandas as pd

from harness.report.escape import escape_spreadsheet
from harness.report.layout import NOT_AVAILABLE, NOT_RUN
from harness.report.tables import Entry, Table


def to_csv(table: Table) -> str:
    """Draws a table for machines: a line a row of cells, unrounded, run ids at its end.

    Sparsities are fractions. What was never measured reads "not run", what a run did not
    log, or has no meaning in a row, "n/a".
    """
    frame = pd.DataFrame([_line(table, entry) for entry in table.entries])
    return frame.map(_text).to_csv(index=False, lineterminator="\n")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return escape_spreadsheet(value) or NOT_AVAILABLE
    return NOT_AVAILABLE if value is None or value != value else f"{value:.10g}"


def _line(table: Table, entry: Entry) -> dict[str, Any]:
    quality, delta, published = entry.quality, entry.difference, entry.published
    spec, baseline = entry.spec, entry.published_baseline
    measured = {
        "mean": quality and quality.mean,
        "half_width_95": quality and quality.half_width,
        "difference_from_dense": delta and delta.mean,
        "difference_half_width_95": delta and delta.half_width,
        "difference_pairs": delta and delta.n,
        "sparsity_prunable": entry.sparsity_prunable,
        "sparsity_all": entry.sparsity_all,
        "prunable_params": entry.prunable_params,
        "total_params": entry.total_params,
        "nonzero_params": entry.nonzero_params,
        "bytes": entry.bytes_raw,
        "gzip_bytes": entry.bytes_gzip,
        "gzip_reduction": entry.gzip_reduction,
        "train_seconds": entry.train_seconds,
        "step_ms": entry.step_ms,
        "flops_dense": entry.flops_dense,
        "flops_effective": entry.flops_effective,
        "latency_ms": entry.latency_ms,
        "latency_reduction": entry.latency_reduction,
    }
    return {
        "model": spec.model,
        "sparsity": spec.sparsity,
        "variant": spec.variant,
        "scale": table.spec.scale,
        "metric": table.spec.quality.metric,
        "unit": table.spec.quality.unit,
        "seeds": len(entry.runs),
        "seeds_planned": len(spec.seeds) or None,
        **(measured if quality else dict.fromkeys(measured, NOT_RUN)),
        "published_full_scale": published.text if published else None,
        "published_difference_from_dense": entry.published_difference,
        "published_dense": baseline.text if baseline else None,
        "published_beside": "; ".join(f"{p.column}: {p.text}" for p in entry.published_beside),
        "published_by": published.by if published else None,
        "published_source": published.source if published else None,
        "data": "; ".join(sorted({r.tags.get("harness.data", NOT_AVAILABLE) for r in entry.runs}))
        or NOT_RUN,
        "run_ids": " ".join(run.run_id for run in entry.runs) or NOT_RUN,
    }
