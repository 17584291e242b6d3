"""From a sweep's cells to the specification of its table."""

from collections.abc import Sequence

from harness.config import Config
from harness.config.folders import command
from harness.config.label import params
from harness.report import ACCURACY, Quality, TableSpec, rows_from_cells
from harness.report.pages import PAGE_NAMES, page_tables
from harness.sweep.spec import Sweep
from harness.sweep.variant import folder_name, variant


def table_spec(sweep: Sweep, configs: Sequence[Config], extra: Sequence[str] = ()) -> TableSpec:
    """The table whose rows are these cells, seeds merged.

    A sweep that is compared with a published table takes over its names, its measure and its
    layout; sparsities that the layout has no column for stand below it.

    Args:
        sweep: what names the table.
        configs: its cells, in the table's order.
        extra: the overrides that it was run with, to say how to run it again.
    """
    cells = [(params(config), config.seed) for config in configs]
    rows = rows_from_cells(cells, PAGE_NAMES)
    page = page_tables(sweep.scale).get(sweep.published or "")
    placed = {(row.model, row.sparsity) for row in page.rows} if page else set()
    fits = any((row.model, row.sparsity) in placed for row in rows)
    made = variant(sweep, extra)
    return TableSpec(
        name=folder_name(sweep.name, made),
        title=f"{sweep.title} ({made})" if made else sweep.title,
        scale=sweep.scale,
        rows=rows,
        quality=page.quality if page else ACCURACY,
        published=sweep.published,
        page=page.page if page and fits else (),
        source=page.source if page else "",
        command=command("sweep", sweep.file or sweep.name, *extra),
        experiment=configs[0].tracking.experiment,
    )


def quality_of(model: str) -> Quality:
    """What the runs of a model are compared by: as in the published tables, else accuracy."""
    for page in page_tables().values():
        if any(row.where.get("model.name") == model for row in page.rows):
            return page.quality
    return ACCURACY
