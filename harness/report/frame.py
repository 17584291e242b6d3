"""A table as one tidy frame: what `table.csv` holds, and what plots are drawn from."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from harness import metrics
from harness.report.entries import Entry, metrics_of_files
from harness.report.statistics import Estimate
from harness.report.table_spec import TableSpec
from harness.report.tables import Table


def to_frame(table: Table) -> pd.DataFrame:
    """Returns a line a row of the table, unrounded; None or NaN for what there is not.

    Sparsities are fractions, quality is in the table's unit. The columns are those of
    `table.csv`, which can be read back with `pandas.read_csv(path, na_values=["n/a", "not run"])`.
    """
    files = metrics_of_files(table.entries)
    return pd.DataFrame([_line(table.spec, e, table.has_controls, files) for e in table.entries])


def layer_frame(table: Table) -> pd.DataFrame:
    """Returns a line a row of the table and pruned weight, with the sparsity reached there."""
    return pd.DataFrame(
        [
            {**_names(e), "weight": path, "sparsity_reached": share}
            for e in table.entries
            for path, share in e.layers.items()
        ],
        columns=["model", "sparsity", "variant", "weight", "sparsity_reached"],
    )


def _names(entry: Entry) -> dict[str, Any]:
    spec = entry.spec
    return {"model": spec.model, "sparsity": spec.sparsity, "variant": spec.variant}


def _line(
    spec: TableSpec, entry: Entry, controls: bool, files: Sequence[metrics.Metric]
) -> dict[str, Any]:
    published, baseline = entry.published, entry.published_baseline
    data = {run.tags.get("harness.data", "") for run in entry.runs}
    return {
        **_names(entry),
        "scale": spec.scale,
        "metric": spec.quality.name,
        "unit": spec.quality.unit,
        "seeds": len(entry.runs),
        "seeds_planned": len(entry.spec.seeds) or None,
        **_estimate(entry.quality, "mean", "half_width_95"),
        "values": _each(entry.quality),
        **_difference(entry.difference, "dense"),
        **(_difference(entry.control, "control") if controls else {}),
        **_certainty(entry),
        **_values(spec, entry),
        **{metric.column: entry.values.get(metric.name) for metric in files},
        "published_full_scale": published.text if published else None,
        "published_difference_from_dense": entry.published_difference,
        "published_dense": baseline.text if baseline else None,
        "published_beside": "; ".join(f"{p.column}: {p.text}" for p in entry.published_beside),
        "published_by": published.by if published else None,
        "published_source": published.source if published else None,
        "data": "; ".join(sorted(data)),
        "run_ids": " ".join(run.run_id for run in entry.runs),
    }


def _estimate(estimate: Estimate | None, mean: str, half_width: str) -> dict[str, float | None]:
    return {
        mean: estimate.mean if estimate else None,
        half_width: estimate.half_width if estimate else None,
    }


def _each(estimate: Estimate | None) -> str | None:
    """Its values, a seed each; of a difference, a pair each."""
    return " ".join(f"{value:.6g}" for value in estimate.values) if estimate else None


def _difference(estimate: Estimate | None, whom: str) -> dict[str, Any]:
    of = "" if whom == "dense" else f"{whom}_"
    return {
        **_estimate(estimate, f"difference_from_{whom}", f"{of}difference_half_width_95"),
        f"{of}difference_pairs": estimate.n if estimate else None,
        f"{of}difference_values": _each(estimate),
    }


def _certainty(entry: Entry) -> dict[str, Any]:
    told = entry.comparison
    examples = told.examples if told else None
    return {
        "compared_with": told.versus if told else None,
        "p_seeds": told.p if told else None,
        "p_seeds_holm": entry.p_holm,
        "examples_half_width_95": examples.half_width if examples else None,
        "p_examples_mcnemar": told.p_examples if told else None,
        "p_examples_bootstrap": " ".join(f"{p:.4f}" for p in told.p_by_seed) if told else None,
    }


def _values(spec: TableSpec, entry: Entry) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for metric in metrics.in_tables():
        value = entry.values.get(metric.name)
        if value is not None and metric.like_quality:
            value *= spec.quality.factor
        found[metric.column] = value
        if metric.ratio:
            found[metric.ratio[1]] = entry.reductions.get(metric.name)
        if metric.file and metric.ratio and metric.instead:  # whose file is not every row's
            found["file"] = file_of(entry, metric)
    return found


def file_of(entry: Entry, metric: metrics.Metric) -> str | None:
    """Returns of which file a row's bytes are, in words; None where it has none."""
    if metric.name not in entry.values:
        return None
    return metrics.find(entry.files.get(metric.name, metric.name)).file
