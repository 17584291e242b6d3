"""From a sweep's cells to the specification of its table."""

from collections.abc import Sequence

from harness import metrics, tasks
from harness.config import Config
from harness.config.folders import command
from harness.config.label import params
from harness.errors import ConfigError
from harness.metrics import Metric
from harness.report import TableSpec, rows_from_cells
from harness.report.pages import page_tables
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

    Raises:
        ConfigError: its cells are not compared by one measure.
    """
    cells = [(params(config), config.seed) for config in configs]
    rows = rows_from_cells(cells)
    page = page_tables(sweep.scale).get(sweep.published or "")
    placed = {(row.model, row.sparsity) for row in page.rows} if page else set()
    fits = any((row.published_row, row.sparsity) in placed for row in rows)
    made = variant(sweep, extra)
    return TableSpec(
        name=folder_name(sweep.name, made),
        title=f"{sweep.title} ({made})" if made else sweep.title,
        scale=sweep.scale,
        rows=rows,
        quality=_quality(sweep, configs, page),
        published=sweep.published,
        tuned=sweep.tuned,
        page=page.page if page and fits else (),
        source=page.source if page else "",
        command=command("sweep", sweep.file or sweep.name, *extra),
        experiment=configs[0].tracking.experiment,
    )


def _quality(sweep: Sweep, configs: Sequence[Config], page: TableSpec | None) -> Metric:
    """What a sweep's cells are compared by.

    Raises:
        ConfigError: they have no measure in common, or another than the published table.
    """
    if sweep.quality:
        found = {sweep.quality: "quality"}
    else:
        found = {tasks.quality(config.model.name).name: config.model.name for config in configs}
    if page is not None:
        found.setdefault(page.quality.name, f"published={sweep.published}")
    if len(found) > 1:
        each = ", ".join(f"{metric} of {what}" for metric, what in found.items())
        raise ConfigError(
            f"sweep {sweep.name}: received cells of several measures ({each}); accepted: one, for "
            "a table compares one; make a sweep of each"
        )
    return page.quality if page else metrics.find(next(iter(found)))
