"""Chooses the runs that a table shows, and accounts for every one that it does not."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from harness.config.identity import FORMAT
from harness.metrics import in_tables
from harness.report.filters import Selection
from harness.report.table_spec import RowSpec, TableSpec
from harness.report.values import canonical, is_finite

_TIES = ["start_time", "run_id"]
#: Parameters in which runs of one row may differ: their seed, and what says others in a word.
_MAY_DIFFER = {"seed", "settings"}
#: What a table of another split does not show: the scores of files, which are the test's.
_OF_THE_TEST = {metric.name for metric in in_tables() if metric.like_quality}


@dataclass(frozen=True)
class Run:
    """One run behind a number. `quality` is in the table's unit; `metrics` are as logged."""

    run_id: str
    experiment_id: str
    seed: str
    quality: float
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Exclusion:
    """Runs of an experiment that are not in the table, for one reason."""

    reason: str
    run_ids: tuple[str, ...]
    experiment_id: str = ""


@dataclass
class Collection:
    """The runs of a table.

    Attributes:
        runs: For each row of the table, its runs by seed.
        baselines: Run id -> run, for the dense runs that the shown ones started from: they
            count even where a newer duplicate stands in the table, or none.
        excluded: Why the other runs of the experiment are not shown.
        mixed: Number of a row -> the parameters in which its runs differ beside the seed: a row
            that asks for few parameters, as those of the guide do, may catch several recipes.
    """

    runs: list[dict[str, Run]]
    baselines: dict[str, Run] = field(default_factory=dict)
    excluded: list[Exclusion] = field(default_factory=list)
    mixed: dict[int, tuple[str, ...]] = field(default_factory=dict)


def collect(frame: pd.DataFrame, spec: TableSpec, selection: Selection | None = None) -> Collection:
    """Chooses the runs that belong to a table.

    Kept are finished, complete cells of the table's scale whose parameters match a row, with
    a quality that is a number, that the selection keeps; of several runs of one cell, the
    newest. Work is linear in the number of runs.

    Args:
        frame: Runs, as `harness.tracking.runs.read_runs` returns them.
        spec: The table.
        selection: What is asked for; all by default. The dense baselines of the runs shown
            count whether it keeps them or not.

    Returns:
        The kept runs by row and seed, and the reason for each of the others.

    Raises:
        ReportError: A filter names what no run has.
    """
    cells = frame[_column(frame, "tags.harness.kind") != "sweep"].reset_index(drop=True)
    reasons = _reasons(cells, spec)
    trained = cells[reasons == ""]
    for reason, holds in (selection or Selection()).reasons(cells).items():
        reasons[(reasons == "") & holds] = reason
    complete = cells[reasons == ""]
    rows = row_of(complete, spec)
    reasons.loc[complete.index[rows == -1]] = "of a cell that this table does not show"
    complete, rows = complete[rows != -1], rows[rows != -1]
    order = _columns(complete, "run_id", "start_time", "tags.harness.cell_id", "params.seed")
    order = order.assign(row=rows).sort_values(_TIES, ascending=[False, True], kind="stable")
    cell_ids = order["tags.harness.cell_id"]
    duplicate = cell_ids.notna() & cell_ids.duplicated()
    reasons.loc[order.index[duplicate]] = "superseded by a newer run of the same cell"
    rival = ~duplicate & order[~duplicate].duplicated(["row", "params.seed"]).reindex(
        order.index, fill_value=False
    )
    reasons.loc[order.index[rival]] = (
        "of another cell with the same row and seed (other data, recipe or code), "
        "older than the one shown"
    )
    shown = order[~(duplicate | rival)]
    runs = complete.loc[shown.index]
    collection = Collection([{} for _ in spec.rows], mixed=_mixed(runs, shown["row"], spec))
    for run, row in zip(_runs(runs, spec), shown["row"], strict=True):
        collection.runs[row][run.seed] = run
    own_dense = trained["run_id"].isin(_column(runs, "tags.harness.dense_run_id").dropna())
    collection.baselines = {run.run_id: run for run in _runs(trained[own_dense], spec)}
    experiment = str(cells["experiment_id"].iloc[0]) if len(cells) else ""
    collection.excluded = [
        Exclusion(str(reason), tuple(group["run_id"]), experiment)
        for reason, group in cells[["run_id"]].groupby(reasons, sort=True)
        if reason
    ]
    return collection


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    """Returns a column, or one of None where no run has it."""
    if name in frame:
        return frame[name]
    return pd.Series([None] * len(frame), index=frame.index, dtype=object)


def _columns(frame: pd.DataFrame, *names: str) -> pd.DataFrame:
    return pd.DataFrame({name: _column(frame, name) for name in names}, index=frame.index)


def _reasons(cells: pd.DataFrame, spec: TableSpec) -> pd.Series:
    """Returns for each run why it cannot be shown in any row; empty text if it can."""
    status = cells["status"]
    quality = pd.to_numeric(_column(cells, f"metrics.{spec.quality.name}"), errors="coerce")
    scale = _column(cells, "tags.harness.scale")
    former = f"of another format than {FORMAT} (settings meant something else; run them again)"
    checks = {
        "not written by the harness": _column(cells, "tags.harness.kind") != "cell",
        "unfinished (still running, or killed)": status.isin(["RUNNING", "SCHEDULED"]),
        "failed": status.isin(["FAILED", "KILLED"]),
        "incomplete (finished without its last step)": _column(cells, "tags.harness.complete")
        != "true",
        former: _column(cells, "tags.harness.format") != str(FORMAT),
        f"of another scale than {spec.scale}": scale != spec.scale,
        f"without a finite {spec.quality.name}": ~quality.map(is_finite),
    }
    reasons = pd.Series("", index=cells.index, dtype=object)
    for reason, holds in checks.items():
        reasons[(reasons == "") & holds.astype(bool)] = reason
    return reasons


def row_of(cells: pd.DataFrame, spec: TableSpec) -> pd.Series:
    """Returns the number of the first row of the table that each run matches, or -1.

    Rows that ask for the same parameters are looked up at once: a table of many rows is as
    quick as one of few.
    """
    by_keys: dict[tuple[str, ...], list[tuple[int, RowSpec]]] = defaultdict(list)
    for number, row in enumerate(spec.rows):
        by_keys[tuple(sorted(row.where))].append((number, row))
    columns: dict[str, list[str]] = {
        key: _canonical(_column(cells, f"params.{key}"))
        for key in {"seed"}.union(*by_keys)  # each once, however many rows ask for it
    }
    found = [-1] * len(cells)
    for keys, rows in by_keys.items():
        table: dict[tuple[str, ...], list[tuple[int, frozenset[str]]]] = defaultdict(list)
        for number, row in rows:
            wanted = tuple(canonical(row.where[key]) for key in keys)
            table[wanted].append((number, frozenset(canonical(seed) for seed in row.seeds)))
        values = zip(*(columns[key] for key in keys), strict=True) if keys else [()] * len(cells)
        for i, (value, seed) in enumerate(zip(values, columns["seed"], strict=True)):
            for number, seeds in table.get(value, ()):
                if (not seeds or seed in seeds) and not 0 <= found[i] < number:
                    found[i] = number
    return pd.Series(found, index=cells.index, dtype=int)


def _mixed(runs: pd.DataFrame, rows: pd.Series, spec: TableSpec) -> dict[int, tuple[str, ...]]:
    """Returns for each row that has runs of several recipes in what they differ."""
    names = [name for name in map(str, runs) if name.startswith("params.")]
    columns = [name.removeprefix("params.") for name in names]
    found = {}
    for number, members in runs.groupby(rows, sort=True):
        row = spec.rows[int(str(number))]
        if row.seeds or len(members) == 1:  # a sweep's rows ask for all that decides a result
            continue
        ignored = ("sparsity.", "training.finetune.") if row.is_dense else ()
        keys = [
            key
            for key in columns
            if key not in _MAY_DIFFER and key not in row.where and not key.startswith(ignored)
        ]
        differ = [k for k in keys if len(set(_canonical(_column(members, f"params.{k}")))) > 1]
        if differ:
            found[int(str(number))] = tuple(differ)
    return found


def _canonical(column: pd.Series) -> list[str]:
    """Returns a column's values in their one spelling; each different text is read once."""
    known: dict[Any, str] = {}
    spelled = []
    for value in column:
        if value not in known:
            known[value] = canonical(value)
        spelled.append(known[value])
    return spelled


def _runs(frame: pd.DataFrame, spec: TableSpec) -> list[Run]:
    parts: dict[str, list[dict[str, Any]]] = {
        prefix: [{} for _ in range(len(frame))] for prefix in ("metrics", "tags")
    }
    hidden = set() if spec.quality.split == "test" else _OF_THE_TEST
    for name in frame.columns:
        prefix, _, key = name.partition(".")
        if prefix in parts and key not in hidden:
            # column by column: several times quicker than row by row
            for found, value in zip(parts[prefix], frame[name].tolist(), strict=True):
                if value is not None and value == value:
                    found[key] = value
    seeds = _column(frame, "params.seed").tolist()
    experiments = _column(frame, "experiment_id").tolist()
    return [
        Run(
            run_id=run_id,
            experiment_id=experiment or "",
            seed=seed or "",
            quality=metrics[spec.quality.name] * spec.quality.factor,
            metrics=metrics,
            tags=tags,
        )
        for run_id, experiment, seed, metrics, tags in zip(
            frame["run_id"], experiments, seeds, parts["metrics"], parts["tags"], strict=True
        )
    ]


def total_excluded(excluded: list[Exclusion]) -> int:
    """Returns how many runs are not shown, for whatever reason."""
    return sum(len(exclusion.run_ids) for exclusion in excluded)
