"""What `harness report` does: which tables, from which runs, to which files."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape

from harness import tasks
from harness.config import compose
from harness.config.folders import shipped
from harness.errors import ConfigError, ReportError, one_line
from harness.report import (
    FORMATS,
    ReportResult,
    Selection,
    TableSpec,
    UnknownKeyError,
    read_table,
    report,
    rows_from_runs,
    write_index,
    write_table,
)
from harness.report.drawing import begin_plots, drawing, finished
from harness.report.files import remove_plots_of_before, write_files
from harness.report.reading import to_reading
from harness.report.report import check_formats, kinds_of
from harness.report.tables import Table
from harness.sweep.collecting import kept_specs
from harness.sweep.spec import load, names
from harness.sweep.table import table_spec
from harness.sweep.watching import watch
from harness.tracking.runs import Uri, read_runs

#: Where tables go: a folder each.
RESULTS = Path("results")
#: What the committed runs are judged by, beside their folder.
STATEMENTS = "statements.yaml"
_console = Console(highlight=False)


@dataclass(frozen=True)
class Request:
    """What a report is asked for.

    Attributes:
        tables: sweeps by name or path; all if empty.
        overrides: those that the sweeps were run with.
        experiment: the MLflow experiment to read instead of the table's own.
        selection: the runs to keep.
        formats: the files to write.
        plots: whether to draw plots.
        uri: the MLflow store; None for the config's, and beside it the runs that are committed.
        kept: a folder of collected runs to rebuild its tables from, and from nothing else.
        out: the folder of the files (of several tables: of their folders).
        ui: where run ids link to; None for the store's own server, or that of `harness ui`.
        watch: follow the one table's sweep until it ends, then write the table.
    """

    tables: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    experiment: str | None = None
    selection: Selection = field(default_factory=Selection)
    formats: tuple[str, ...] = FORMATS
    plots: bool = True
    uri: str | None = None
    kept: Path | None = None
    out: Path | None = None
    ui: str | None = None
    watch: bool = False


def print_reports(request: Request) -> list[ReportResult]:
    """Writes and prints the tables asked for; several get a page that leads to all.

    Raises:
        HarnessError: a table, filter or override that there is not, or a store that cannot
            be read.
    """
    check_formats(request.formats)
    if request.kept is not None:
        return _rebuild(request, request.kept)
    specs = _specs(request)
    if request.watch:
        if len(specs) != 1:
            raise ConfigError(f"--watch: received {len(specs)} tables; accepted: one")
        ((spec, uri),) = specs
        watch(spec, uri, request.out or RESULTS / spec.folder, request.ui)
    several = len(specs) > 1
    tables, left_out = _tables(specs, request)
    results = []
    for table, uri in tables:
        folder = request.out or RESULTS / table.spec.folder
        if several:
            folder = (request.out or RESULTS) / table.spec.folder
        result = write_table(
            table,
            uri=uri,
            out_dir=folder,
            formats=request.formats,
            plots=request.plots,
            width=_console.width,
            ui=request.ui,
        )
        results.append(show(result))
    if left_out:
        named = one_line(", ".join(left_out))
        _console.print(
            f"left out, as no run of theirs has what --filter asks for: {named}",
            markup=False,
            soft_wrap=True,
        )
    if several and "html" in request.formats:
        index = write_index(request.out or RESULTS, results)
        _console.print(f"all tables: {escape(str(index))}", soft_wrap=True)
    return results


def _rebuild(request: Request, folder: Path) -> list[ReportResult]:
    """Writes the tables of collected runs into one folder, each under its name."""
    specs = kept_specs(folder)
    known = {spec.name: name for name, spec in specs.items()} | {name: name for name in specs}
    chosen = tuple(dict.fromkeys(known.get(name, name) for name in request.tables or specs))
    if unknown := [name for name in chosen if name not in specs]:
        raise ConfigError(f"table {unknown[0]!r} is not in {folder}; accepted: {', '.join(specs)}")
    out = request.out or RESULTS
    uri = str(folder)
    begun = []
    with drawing(len(chosen) if request.plots else 0) as pool:
        for name in chosen:
            table = read_table(specs[name], uri, request.selection)
            plots = begin_plots(table, uri, kinds_of(name), pool) if request.plots else ()
            begun.append((name, table, plots))
        results = [
            write_table(
                table,
                uri=uri,
                out_dir=out,
                formats=request.formats,
                plots=finished(plots),
                width=_console.width,
                ui=request.ui,
                stem=name,
            )
            for name, table, plots in begun
        ]
    for name, result in zip(chosen, results, strict=True):
        show(result)
        if request.plots:
            remove_plots_of_before(out, name, tuple(specs), result.paths)
    if set(chosen) == set(specs):
        if "html" in request.formats:
            write_index(out, results)
        statements = folder.parent / STATEMENTS
        if statements.is_file() and "md" in request.formats and request.plots:
            reading = to_reading(statements, dict(zip(chosen, results, strict=True)))
            write_files(out, {"README.md": reading.encode()})
    return results


def _tables(
    specs: Sequence[tuple[TableSpec, Uri]], request: Request
) -> tuple[list[tuple[Table, Uri]], list[str]]:
    """The tables with their stores, and the names of those whose runs do not know a filter's key.

    Raises:
        UnknownKeyError: the runs of none know it.
    """
    every = not request.tables and not request.experiment
    tables, unknown = [], {}
    for spec, uri in specs:
        try:
            table = read_table(spec, uri, request.selection, without_runs=every)
        except UnknownKeyError as error:
            unknown[spec.name] = error
        else:
            tables.append((table, uri))
    known = any(table.excluded or any(e.runs for e in table.entries) for table, _ in tables)
    if unknown and not known:
        raise next(iter(unknown.values()))
    return tables, list(unknown)


def write_report(spec: TableSpec, uri: str, out: Path | None) -> ReportResult:
    """Writes one table in all formats, and prints it.

    Args:
        spec: the table.
        uri: the MLflow store.
        out: the folder of the files; None for `results/NAME`.
    """
    return show(report(spec, uri=uri, out_dir=out or RESULTS / spec.folder, width=_console.width))


def show(result: ReportResult) -> ReportResult:
    """Prints a table and what was written."""
    _console.print(result.text, markup=False, soft_wrap=True)
    _console.print(f"[dim]wrote {escape(', '.join(map(str, result.paths)))}", soft_wrap=True)
    return result


def _specs(request: Request) -> list[tuple[TableSpec, Uri]]:
    """The tables asked for, each with its store."""
    tables: Sequence[str] = request.tables
    if not tables and request.experiment and request.experiment not in names():
        return _experiment_specs(request.experiment, request.uri or compose().tracking.uri)
    tables = tables or ([request.experiment] if request.experiment else names())
    found = [_spec(name, request) for name in dict.fromkeys(tables)]
    if request.experiment:
        found = [(replace(spec, experiment=request.experiment), uri) for spec, uri in found]
    return found


def _spec(name: str, request: Request) -> tuple[TableSpec, Uri]:
    if name not in names() and not name.endswith((".yaml", ".yml")):
        accepted = ", ".join(names())
        raise ConfigError(f"table {name!r} does not exist; accepted: {accepted}")
    sweep = load(name)
    configs = [config for config, _ in sweep.configs(request.overrides)]
    spec = table_spec(sweep, configs, request.overrides)
    return spec, request.uri or _beside(configs[0].tracking.uri)


def _beside(uri: str) -> Uri:
    """A store, and the committed runs, where there are any: a fresh clone has no other."""
    runs = shipped("runs")
    return (uri, str(runs)) if runs.is_dir() else uri


def _experiment_specs(experiment: str, uri: str) -> list[tuple[TableSpec, Uri]]:
    """Tables of whatever cells an experiment holds: one a scale and measure, never mixed."""
    frame = read_runs(uri, experiment)
    scale = _column(frame, "tags.harness.scale")
    quality = _column(frame, "params.model.name").map(lambda model: tasks.quality(str(model)))
    parts = {
        (each, measure): rows
        for each in sorted(scale.dropna().unique())
        for measure in dict.fromkeys(quality)
        if (rows := rows_from_runs(frame[(scale == each) & (quality == measure)]))
    }
    found: list[tuple[TableSpec, Uri]] = []
    for (each, measure), rows in parts.items():
        own = [experiment]
        own += [each] if len({scale for scale, _ in parts}) > 1 else []
        own += [measure.heading.lower()] if len({measure for _, measure in parts}) > 1 else []
        spec = TableSpec(
            "-".join(own), f"Experiment {experiment}", each, rows, measure, experiment=experiment
        )
        found.append((spec, uri))
    if not found:
        raise ReportError(
            f"--experiment: {experiment!r} holds no finished cell: run some, or give --table"
        )
    return found


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[name] if name in frame else pd.Series(None, index=frame.index, dtype=object)
