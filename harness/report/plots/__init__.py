"""Plots of a table, drawn off screen and the same bytes for the same numbers."""

import re

from harness.report.escape import file_name
from harness.report.plots.layers import layer_sparsity
from harness.report.plots.quality import against_sparsity
from harness.report.plots.schedule import REACHED, SCHEDULED, runs_drawn, sparsity_schedule
from harness.report.plots.style import is_plotted
from harness.report.plots.trade import against_cost
from harness.report.tables import Table
from harness.tracking.reader import Histories

__all__ = ["HISTORY_KEYS", "draw_plots", "runs_drawn"]

#: The metrics whose histories `draw_plots` takes.
HISTORY_KEYS = (SCHEDULED, REACHED)


def draw_plots(table: Table, histories: Histories | None = None) -> dict[str, bytes]:
    """Draws all plots that a table has numbers for: file name -> content, PNG and SVG.

    Args:
        table: The table; nothing is drawn where nothing sparse was measured.
        histories: Of the runs in `runs_drawn(table)`, for the schedule as run.
    """
    measured = [entry for entry in table.entries if is_plotted(entry)]
    if not measured:
        return {}
    stem = _slug(table.spec.quality.name.replace("-", ""))
    files = against_sparsity(table, f"{stem}_vs_sparsity")
    if any(entry.bytes_gzip is not None for entry in measured):
        label = "bytes of the TensorFlow Lite file, gzipped"
        files |= against_cost(table, f"{stem}_vs_bytes", lambda e: e.bytes_gzip, label)
    if any(entry.latency_ms is not None for entry in measured):
        files |= against_cost(
            table, f"{stem}_vs_latency", lambda e: e.latency_ms, "latency (ms an example)"
        )
    models = dict.fromkeys(entry.spec.model for entry in measured)
    slugs = [_slug(model) for model in models]
    for number, (model, slug) in enumerate(zip(models, slugs, strict=True), start=1):
        own = slug if slug and slugs.count(slug) == 1 else f"{slug}_{number}"
        name = f"layer_sparsity_{own}" if len(models) > 1 else "layer_sparsity"
        files |= layer_sparsity(table, file_name(name), model)
    return files | sparsity_schedule(table, "sparsity_schedule", histories or {})


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
