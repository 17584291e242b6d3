"""Chooses the runs that a table shows, and accounts for every one that it does not."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from harness.report.spec import TableSpec

_SUPERSEDED = "superseded"
_TIES = ["start_time", "run_id"]


@dataclass(frozen=True)
class Run:
    """One run behind a number. `quality` is in the table's unit; `metrics` as logged."""

    run_id: str
    seed: str
    quality: float
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Exclusion:
    """Runs that are not in the table, for one reason."""

    reason: str
    run_ids: tuple[str, ...]


@dataclass
class Collection:
    """The runs of a table.

    Attributes:
        runs: For each row of the table, its runs by seed.
        baselines: Run id -> run, for the dense runs that the shown ones started from: they
            count even where a newer duplicate stands in the table, or none.
        excluded: Why the other runs of the experiment are not shown.
    """

    runs: list[dict[str, Run]]
    baselines: dict[str, Run] = field(default_factory=dict)
    excluded: list[Exclusion] = field(default_factory=list)


def collect(frame: pd.DataFrame, spec: TableSpec) -> Collection:
    """Chooses the runs that belong to a table.

    Kept are finished, complete cells of the table's scale whose parameters match a row, with
    a quality that is a number; of several runs of one cell, the newest. Work is linear in
    the number of runs.

    Args:
        frame: Runs, as `harness.tracking.reader.read_runs` returns them.
        spec: The table.

    Returns:
        The kept runs by row and seed, and the reason for each of the others.
    """
    cells = frame[_column(frame, "tags.harness.kind") != "sweep"].reset_index(drop=True)
    reasons = _reasons(cells, spec)
    complete = cells[reasons == ""]
    trained = cells[reasons.isin(["", _SUPERSEDED])]
    rows = _row_of(complete, spec)
    reasons.loc[complete.index[rows == -1]] = "of a cell that this table does not show"
    complete, rows = complete[rows != -1], rows[rows != -1]
    order = complete.assign(row=rows).sort_values(_TIES, ascending=[False, True], kind="stable")
    cell_ids = _column(order, "tags.harness.cell_id")
    seeds = _column(order, "params.seed")
    duplicate = cell_ids.notna() & cell_ids.duplicated()
    reasons.loc[order.index[duplicate]] = "superseded by a newer run of the same cell"
    rival = ~duplicate & order.assign(seed=seeds)[~duplicate].duplicated(["row", "seed"]).reindex(
        order.index, fill_value=False
    )
    reasons.loc[order.index[rival]] = (
        "of another cell with the same row and seed (other data, recipe or code), "
        "older than the one shown"
    )
    shown = order[~(duplicate | rival)]
    collection = Collection([{} for _ in spec.rows])
    for run, row in zip(_runs(shown, spec), shown["row"], strict=True):
        collection.runs[row][run.seed] = run
    own_dense = trained["run_id"].isin(_column(shown, "tags.harness.dense_run_id").dropna())
    collection.baselines = {run.run_id: run for run in _runs(trained[own_dense], spec)}
    collection.excluded = [
        Exclusion(str(reason), tuple(group["run_id"]))
        for reason, group in cells.groupby(reasons, sort=True)
        if reason
    ]
    return collection


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    """Returns a column, or one of None where no run has it."""
    if name in frame:
        return frame[name]
    return pd.Series([None] * len(frame), index=frame.index, dtype=object)


def _reasons(cells: pd.DataFrame, spec: TableSpec) -> pd.Series:
    """Returns for each run why it cannot be shown in any row; empty text if it can."""
    status = cells["status"]
    quality = pd.to_numeric(_column(cells, f"metrics.{spec.quality.metric}"), errors="coerce")
    scale = _column(cells, "tags.harness.scale")
    checks = {
        "not written by the harness": _column(cells, "tags.harness.kind") != "cell",
        "unfinished (still running, or killed)": status.isin(["RUNNING", "SCHEDULED"]),
        "failed": status.isin(["FAILED", "KILLED"]),
        "incomplete (finished without its last step)": _column(cells, "tags.harness.complete")
        != "true",
        _SUPERSEDED: _column(cells, "tags.harness.superseded").map(_is_set),
        f"of another scale than {spec.scale}": scale != spec.scale,
        f"without a finite {spec.quality.metric}": ~quality.map(_is_finite),
    }
    reasons = pd.Series("", index=cells.index, dtype=object)
    for reason, holds in checks.items():
        reasons[(reasons == "") & holds.astype(bool)] = reason
    return reasons


def _row_of(cells: pd.DataFrame, spec: TableSpec) -> pd.Series:
    """Returns the number of the first row of the table that each run matches, or -1."""
    found = pd.Series(-1, index=cells.index, dtype=int)
    columns = {
        key: _column(cells, f"params.{key}").map(canonical)
        for key in sorted({key for row in spec.rows for key in row.where})
    }
    seeds = _column(cells, "params.seed").map(canonical)
    for number, row in enumerate(spec.rows):
        match = found == -1
        for key, value in row.where.items():
            match &= columns[key] == canonical(value)
        if row.seeds:
            match &= seeds.isin([canonical(seed) for seed in row.seeds])
        found[match] = number
    return found


def canonical(value: Any) -> str:
    """Returns the one spelling under which equal parameter values compare equal.

    Example:
        >>> canonical("0.50") == canonical(0.5), canonical(None) == canonical("null")
        (True, True)
    """
    text = "" if value is None or value != value else str(value).strip()  # NaN is not itself
    if text.lower() in ("", "none", "null"):
        return ""
    try:
        return repr(float(text))
    except ValueError:
        return text.lower() if text.lower() in ("true", "false") else text


def _is_set(value: Any) -> bool:
    return canonical(value) not in ("", "false")


def _is_finite(value: float) -> bool:
    # MLflow stores an infinity as the largest double.
    return math.isfinite(value) and abs(value) < 1e300


def _runs(frame: pd.DataFrame, spec: TableSpec) -> list[Run]:
    columns = {
        prefix: [c for c in frame.columns if c.startswith(f"{prefix}.")]
        for prefix in ("metrics", "params", "tags")
    }
    runs = []
    for record in frame.to_dict("records"):
        parts: dict[str, dict[str, Any]] = {
            prefix: {
                name.partition(".")[2]: record[name]
                for name in names
                if record[name] is not None and record[name] == record[name]
            }
            for prefix, names in columns.items()
        }
        runs.append(
            Run(
                run_id=record["run_id"],
                seed=parts["params"].get("seed", ""),
                quality=parts["metrics"][spec.quality.metric] * spec.quality.factor,
                **parts,
            )
        )
    return runs


def total_excluded(excluded: list[Exclusion]) -> int:
    """Returns how many runs are not shown, for whatever reason."""
    return sum(len(exclusion.run_ids) for exclusion in excluded)
