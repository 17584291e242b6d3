"""From a sweep's cells to the specification of its table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.config import Config, identity
from harness.report import TableSpec, rows_from_cells
from harness.sweep import Sweep
from harness.tracking.labels import flat


def table_spec(sweep: Sweep, configs: Sequence[Config]) -> TableSpec:
    """The table whose rows are these cells, seeds merged.

    Args:
        sweep: what names the table.
        configs: its cells, in the table's order.
    """
    return TableSpec(
        name=configs[0].tracking.experiment,
        title=sweep.title,
        scale=sweep.scale,
        rows=rows_from_cells([(deciding(config), config.seed) for config in configs]),
        published=sweep.published,
    )


def deciding(config: Config) -> dict[str, str | None]:
    """The parameters that tell a cell's run from others': those of its identity, and its label.

    A parameter that the cell ignores must not keep its finished run out of the table: the
    dense baseline of two fine-tuning recipes is one run, which logged the recipe that came
    first.
    """
    decided = set(_paths(identity(config, fingerprint=""), ""))
    return {
        key: value or None
        for key, value in flat(config).items()
        if key in decided
        or key == "sparsity.name"
        or (not value and key.rpartition(".")[0] in decided)  # an optimizer's option left out
    }


def _paths(section: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """The dotted paths of all settings, and of the optimizers, which leave out unset ones."""
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{key}.")
            if key == "optimizer":
                yield f"{prefix}{key}"
        else:
            yield f"{prefix}{key}"
