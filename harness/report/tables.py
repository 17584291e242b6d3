"""Joins measured and published values into a table."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from harness.report.collect import Collection, Exclusion, Run
from harness.report.comparisons import Comparison, holm
from harness.report.entries import Entry, Partners, entry, files_of
from harness.report.filters import Selection
from harness.report.notes import notes_of
from harness.report.published import Published, PublishedTable
from harness.report.table_spec import RowSpec, TableSpec
from harness.tracking.answers import Answers

_Rows = list[tuple[RowSpec, dict[str, Run]]]


@dataclass(frozen=True)
class Table:
    """A table's entries, in the order shown, and what must be said under it.

    Attributes:
        spec: What was asked for.
        entries: A row each.
        data: What the runs were trained and tested on, in the data sets' own words.
        notes: What must be said of the runs: conflicts first, exclusions last.
        excluded: The runs not shown, by reason.
        selection: What the runs were narrowed down to, in words; empty for all.
        options: The same, as options of `harness report`.
        answers: What runs said of the test's examples, by id.
    """

    spec: TableSpec
    entries: tuple[Entry, ...]
    data: tuple[str, ...]
    notes: tuple[str, ...]
    excluded: tuple[Exclusion, ...] = ()
    selection: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    answers: Mapping[str, Answers] = field(default_factory=dict, compare=False, repr=False)

    @property
    def models(self) -> list[str]:
        """The models, in the order shown."""
        return list(dict.fromkeys(entry.spec.model for entry in self.entries))

    @property
    def sources(self) -> list[Published]:
        """The published values that the table shows or compares with, each once."""
        return list(
            dict.fromkeys(
                value
                for entry in self.entries
                for value in (entry.published, entry.published_baseline, *entry.published_beside)
                if value is not None
            )
        )

    @property
    def comparisons(self) -> list[Comparison]:
        """Of the rows that are compared with others."""
        return [entry.comparison for entry in self.entries if entry.comparison]

    @property
    def has_controls(self) -> bool:
        """Whether any row is compared with a control."""
        return any(entry.control is not None for entry in self.entries)

    @property
    def is_synthetic(self) -> bool:
        """Whether any of the data were made by a program rather than gathered."""
        return any("synthetic" in words.lower() for words in self.data)


def build_table(
    spec: TableSpec,
    collection: Collection,
    published: PublishedTable,
    first_notes: tuple[str, ...] = (),
    selection: Selection | None = None,
    answers: Mapping[str, Answers] | None = None,
) -> Table:
    """Computes every number of a table.

    Differences are between a run and its own dense baseline, the run named by its tag
    `harness.dense_run_id` or else the dense run of the same model and seed, and between it and
    the control of its model, recipe and seed. Their intervals are over these pairs.
    """
    filled = list(zip(spec.rows, collection.runs, strict=True))
    dense = [(row, runs) for row, runs in filled if row.is_dense and runs]
    control = [(row, runs) for row, runs in filled if row.is_control and runs]
    shown = {run.run_id for _, runs in dense for run in runs.values()}
    paired = [_partners(row, runs, dense, control, collection) for row, runs in filled]
    strays = sum(
        base.run_id not in shown
        for row, partners in zip(spec.rows, paired, strict=True)
        for base in partners.dense.values()
        if not row.is_dense
    )
    files = {
        model: files_of(
            run
            for (row, runs), partners in zip(filled, paired, strict=True)
            if row.model == model
            for run in (*runs.values(), *partners.dense.values())
        )
        for model in {row.model for row in spec.rows}
    }
    entries = tuple(
        entry(
            row,
            tuple(runs[s] for s in sorted(runs, key=_seed)),
            own,
            files[row.model],
            published,
            answers or {},
        )
        for (row, runs), own in zip(filled, paired, strict=True)
    )
    entries = _corrected(entries)
    data = sorted({t for e in entries for r in e.runs if (t := r.tags.get("harness.data"))})
    notes = (*first_notes, *notes_of(entries, collection.excluded, strays, collection.mixed))
    chosen = selection or Selection()
    return Table(
        spec,
        entries,
        tuple(data),
        notes,
        tuple(collection.excluded),
        tuple(chosen.texts),
        chosen.options,
        answers or {},
    )


def _corrected(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Corrects p-values over seeds for the number of sparse rows; the others stay as they are."""
    compared = [
        None if e.spec.is_control or e.comparison is None else e.comparison.p for e in entries
    ]
    return tuple(replace(e, p_holm=p) for e, p in zip(entries, holm(compared), strict=True))


def _partners(
    row: RowSpec, runs: Mapping[str, Run], dense: _Rows, control: _Rows, collection: Collection
) -> Partners:
    """Returns what each run of a row is compared with; nothing where that is gone or not run."""
    same_seed = {} if row.is_dense else _alike(row, dense)
    own = {
        run.run_id: _baseline(run, same_seed.get(seed), collection) for seed, run in runs.items()
    }
    controls = {} if row.is_dense or row.is_control else _alike(row, control, exactly=True)
    return Partners(
        {run_id: base for run_id, base in own.items() if base is not None},
        {run.run_id: controls[seed] for seed, run in runs.items() if seed in controls},
    )


def _alike(row: RowSpec, others: _Rows, *, exactly: bool = False) -> dict[str, Run]:
    """Returns the runs of a row's model in others; of several variants, those set up alike.

    With `exactly`, only of one with the same network, data and recipe.
    """

    def unlike(other: RowSpec) -> list[str]:
        shared = {k for k in other.where if not k.startswith("sparsity.") and k != "settings"}
        return [key for key in shared if row.where.get(key, other.where[key]) != other.where[key]]

    of_model = [(unlike(other), runs) for other, runs in others if other.model == row.model]
    if exactly:
        trained = ("model.", "dataset.", "training.")
        of_model = [each for each in of_model if not any(k.startswith(trained) for k in each[0])]
    return min(of_model, key=lambda each: len(each[0]))[1] if of_model else {}


def _baseline(run: Run, same_seed: Run | None, collection: Collection) -> Run | None:
    """Returns the dense run that a run started from; None where that one is gone."""
    named = run.tags.get("harness.dense_run_id")
    return collection.baselines.get(named) if named else same_seed


def _seed(seed: str) -> tuple[float, str]:
    try:
        return float(seed), seed
    except ValueError:
        return math.inf, seed
