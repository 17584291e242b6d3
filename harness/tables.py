"""From a sweep's cells to the specification of its table."""

from collections.abc import Sequence

from harness.config import Config
from harness.report import TableSpec, rows_from_cells
from harness.sweep import Sweep
from harness.tracking.labels import flat


def table_spec(sweep: Sweep, configs: Sequence[Config]) -> TableSpec:
    """The table whose rows are these cells, seeds merged.

    Args:
        sweep: what names the table.
        configs: its cells, in the table's order.
    """
    cells = [({k: v or None for k, v in flat(config).items()}, config.seed) for config in configs]
    return TableSpec(
        name=configs[0].tracking.experiment,
        title=sweep.title,
        scale=sweep.scale,
        rows=rows_from_cells(cells),
        published=sweep.published,
    )
