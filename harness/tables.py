"""From a sweep's cells to the specification of its table."""

from collections.abc import Sequence

from harness.config import Config
from harness.report import ACCURACY, TableSpec, rows_from_cells
from harness.report.pages import PAGE_NAMES, page_tables
from harness.sweep import Sweep
from harness.tracking.labels import flat


def table_spec(sweep: Sweep, configs: Sequence[Config]) -> TableSpec:
    """The table whose rows are these cells, seeds merged.

    A sweep that is compared with a published table takes over its names and measure, and its
    layout too where it shows no sparsity that the layout has no place for.

    Args:
        sweep: what names the table.
        configs: its cells, in the table's order.
    """
    cells = [({k: v or None for k, v in flat(config).items()}, config.seed) for config in configs]
    rows = rows_from_cells(cells, PAGE_NAMES)
    page = page_tables(sweep.scale).get(sweep.published or "")
    placed = {(row.model, row.sparsity) for row in page.rows} if page else set()
    fits = all((row.model, row.sparsity) in placed for row in rows)
    return TableSpec(
        name=configs[0].tracking.experiment,
        title=sweep.title,
        scale=sweep.scale,
        rows=rows,
        quality=page.quality if page else ACCURACY,
        published=sweep.published,
        page=page.page if page and fits else (),
        source=page.source if page else "",
    )
