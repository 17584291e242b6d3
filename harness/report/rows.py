"""From cells, planned or run, to the rows of a table."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from harness.report.row_names import guide_model, label_of, model_label
from harness.report.table_spec import RowSpec
from harness.report.values import canonical

#: Parameters that do not decide which row of a table a run belongs to: its seed, over which a row
#: is averaged, and its scale, which is the table's.
_NOT_OF_A_ROW = ("seed", "scale")
#: Parameters that say in a word what others say: they tell no rows apart in words.
_DERIVED = ("settings", "sparsity.label")


def rows_from_cells(
    cells: Iterable[tuple[Mapping[str, Any], int]],
) -> tuple[RowSpec, ...]:
    """Makes a table's rows from the cells of a sweep, merging those that differ in the seed.

    Rows of the same model and sparsity are told apart by the settings in which they differ.

    Args:
        cells: The flattened configuration of each cell (at least `model.name`,
            `sparsity.label`), and its seed.

    Returns:
        The rows, those of a model together; models, and the rows of each, in the order in which
        the sweep first names them.
    """
    seeds: dict[tuple[tuple[str, str], ...], dict[int, None]] = {}
    first: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    for params, seed in cells:
        where = {k: str(v) for k, v in params.items() if k not in _NOT_OF_A_ROW}
        key = tuple(sorted(where.items()))
        first.setdefault(key, where)
        seeds.setdefault(key, {})[seed] = None
    rows = _told_apart(
        [
            RowSpec(
                model=model_label(where),
                sparsity=label_of(where),
                where=where,
                seeds=tuple(seeds[key]),
                guide=guide_model(where),
            )
            for key, where in first.items()
        ]
    )
    models = dict.fromkeys(row.model for row in rows)
    return tuple(row for model in models for row in rows if row.model == model)


def _told_apart(rows: list[RowSpec]) -> tuple[RowSpec, ...]:
    """Gives rows that share model and sparsity the settings in which they differ.

    A value that more of them have than any other, or else most of the model's rows, is the rule,
    and not said.
    """
    alike: dict[tuple[str, str], list[int]] = defaultdict(list)
    of_model: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for number, row in enumerate(rows):
        alike[row.model, row.sparsity].append(number)
        of_model[row.model].append(row.where)
    for (model, _), numbers in alike.items():
        wheres = [rows[number].where for number in numbers]
        keys = [
            key
            for key in dict.fromkeys(key for where in wheres for key in where)
            if key not in _DERIVED and len({canonical(where.get(key)) for where in wheres}) > 1
        ]
        rules = {key: _rule(key, wheres, of_model[model]) for key in keys}
        for number, where in zip(numbers, wheres, strict=True):
            said = [key for key in keys if key not in where or canonical(where[key]) != rules[key]]
            variant = " ".join(f"{key}={where.get(key) or 'none'}" for key in said)
            rows[number] = replace(rows[number], variant=variant)
    return tuple(rows)


def _rule(
    key: str, alike: Sequence[Mapping[str, str]], others: Sequence[Mapping[str, str]]
) -> str | None:
    """The value that leads among rows alike, or, where none does, that most of the model have.

    Rows alike have several values.

    None where none has, where a row has no such setting, and of what is exported: files are
    measured side by side, none of them the usual one.
    """
    if key.startswith("export.") or any(key not in where for where in alike):
        return None
    near = Counter(canonical(where[key]) for where in alike)
    (value, most), (_, second), *_ = near.most_common()
    if most > second:
        return value
    far = Counter(canonical(where[key]) for where in others if key in where)
    value, count = far.most_common(1)[0]
    return value if 2 * count > far.total() and near[value] == most else None


def rows_from_runs(frame: pd.DataFrame) -> tuple[RowSpec, ...]:
    """Makes rows from whatever cells an experiment holds: dense ones first, then controls.

    Args:
        frame: Runs, as `harness.tracking.runs.read_runs` returns them.
    """
    names = ("tags.harness.kind", "tags.harness.complete", "params.model.name")
    if frame.empty or any(name not in frame for name in (*names, "params.sparsity.label")):
        return ()
    done = (frame["tags.harness.kind"] == "cell") & (frame["tags.harness.complete"] == "true")
    columns = {c.removeprefix("params."): c for c in frame.columns if c.startswith("params.")}
    kept = {key: column for key, column in columns.items() if key not in _NOT_OF_A_ROW}
    cells = frame.loc[done, list(kept.values())].drop_duplicates()
    cells.columns = pd.Index(list(kept))
    described = [
        {str(key): value for key, value in record.items() if value is not None}
        for record in cells.iloc[::-1].to_dict("records")  # oldest first, as they were run
    ]
    named = {"model.name", "sparsity.label"}
    rows = rows_from_cells((params, 0) for params in described if named <= params.keys())
    return tuple(
        sorted(
            (replace(row, seeds=()) for row in rows),
            key=lambda r: (r.model, not r.is_dense, not r.is_control, r.sparsity, r.variant),
        )
    )
