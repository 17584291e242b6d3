"""One table, from the store to its files: read → collect → compute → draw → write."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from harness.config.credentials import hidden
from harness.errors import ReportError
from harness.report.collect import Exclusion, collect
from harness.report.files import write_files
from harness.report.filters import Selection
from harness.report.plots import draw_plots, histories_drawn
from harness.report.published import read_published
from harness.report.render import to_csv, to_html, to_index, to_latex, to_markdown
from harness.report.render.html import UI
from harness.report.table_spec import TableSpec
from harness.report.tables import Table, build_table
from harness.report.terminal import to_text
from harness.tracking.backends import NoRunsError
from harness.tracking.runs import Uri, read_answers, read_runs

_Plots = Mapping[str, bytes]
_DRAW: dict[str, Callable[[Table, _Plots], str]] = {
    "md": lambda table, plots: to_markdown(table, [p for p in plots if p.endswith(".svg")]),
    "csv": lambda table, plots: to_csv(table),
    "tex": lambda table, plots: to_latex(table),
}
#: The formats a table can be written in; each is also its file's extension.
FORMATS = (*_DRAW, "html")


@dataclass(frozen=True)
class ReportResult:
    """What a report wrote and found.

    Attributes:
        paths: The files written.
        text: The table for a terminal, its caption and notes below it.
        notes: What must be said of the runs: exclusions, conflicts, missing intervals.
        excluded: The runs not shown, by reason.
        table: The numbers themselves.
    """

    paths: tuple[Path, ...]
    text: str
    notes: tuple[str, ...]
    excluded: tuple[Exclusion, ...]
    table: Table


def report(
    spec: TableSpec,
    *,
    uri: Uri,
    out_dir: Path,
    formats: Sequence[str] = FORMATS,
    plots: bool = True,
    width: int = 120,
    selection: Selection | None = None,
    ui: str | None = None,
    without_runs: bool = False,
) -> ReportResult:
    """Regenerates a table and its plots from an MLflow store: `read_table`, `write_table`.

    Args:
        spec: The table; `spec.reads` is the experiment read.
        uri: The MLflow tracking URI.
        out_dir: The folder of the files: `table.<format>` and the plots.
        formats: Of `FORMATS`.
        plots: Whether to draw plots (nothing is drawn where nothing sparse was measured).
        width: Columns of the terminal text.
        selection: The runs to keep; all by default.
        ui: Address of the MLflow interface that run ids link to; None for the server that
            `uri` names, or else for that of `harness ui`.
        without_runs: Draw a table without runs where there are none.

    Returns:
        The files written, the text for a terminal, and what must be said of the runs.

    Raises:
        TrackingError: The store cannot be read, or holds no such experiment. A table with
            published values is drawn without runs instead, and its notes say so.
        ReportError: A format or the key of a filter is unknown, or the folder cannot be
            written to.

    Example:
        >>> result = report(spec, uri="sqlite:///mlflow.db", out_dir=Path("results/demo"))
        >>> print(result.text)
    """
    check_formats(formats)
    table = read_table(spec, uri, selection, without_runs=without_runs)
    return write_table(
        table, uri=uri, out_dir=out_dir, formats=formats, plots=plots, width=width, ui=ui
    )


def write_table(
    table: Table,
    *,
    uri: Uri,
    out_dir: Path,
    formats: Sequence[str] = FORMATS,
    plots: bool | Mapping[str, bytes] = True,
    width: int = 120,
    ui: str | None = None,
    stem: str = "",
) -> ReportResult:
    """Draws a table and its plots and writes them; the arguments are those of `report`.

    Args:
        plots: Those drawn already, file name -> content, or as `report` takes it.
        stem: What the files' names begin with, instead of `table`: several tables then share a
            folder, and plots are of `kinds_of` it. They are of collected runs (`uri`), and pages
            say so.

    Raises:
        ReportError: The folder cannot be written to.
    """
    if isinstance(plots, bool):
        drawn = draw_plots(table, histories_drawn(table, uri), kinds_of(stem)) if plots else {}
    else:
        drawn = dict(plots)
    if stem:
        drawn = {f"{stem}_{name}": each for name, each in drawn.items()}
    store = uri if isinstance(uri, str) else uri[0]
    address = hidden(ui or (store if store.startswith(("http://", "https://")) else UI))
    named = stem or "table"
    names = {name: f"{named}.{name}" for name in formats}
    page = partial(
        to_html,
        ui=address,
        beside=[file for name, file in names.items() if name != "html"],
        kept=(stem, store) if stem else None,
    )
    draw: dict[str, Callable[[Table, _Plots], str]] = {**_DRAW, "html": page}
    files = {file: draw[name](table, drawn).encode() for name, file in names.items()}
    paths = write_files(out_dir, {**files, **drawn})
    return ReportResult(tuple(paths), to_text(table, width), table.notes, table.excluded, table)


def kinds_of(stem: str) -> tuple[str, ...]:
    """The formats of the plots of `write_table`: where they are committed, SVG alone."""
    return ("svg",) if stem else ("png", "svg")


def check_formats(formats: Sequence[str]) -> None:
    """Refuses a format that is not of `FORMATS`.

    Raises:
        ReportError: Says which there are.
    """
    if unknown := [name for name in formats if name not in FORMATS]:
        raise ReportError(f"formats={','.join(unknown)}: accepted: {', '.join(FORMATS)}")


def read_table(
    spec: TableSpec,
    uri: Uri,
    selection: Selection | None = None,
    *,
    without_runs: bool = False,
) -> Table:
    """Computes a table from the runs of a store, and writes nothing.

    Args:
        spec: As `report`.
        uri: As `report`.
        selection: As `report`.
        without_runs: As `report`.

    Raises:
        TrackingError: As `report`.
        ReportError: The key of a filter is unknown (`UnknownKeyError`).
    """
    try:
        return _table(spec, read_runs(uri, spec.reads), selection or Selection(), uri=uri)
    except NoRunsError as error:
        if spec.published is None and not without_runs:
            raise
        return _table(spec, no_runs(), Selection(), (f"No runs yet: {error}.",))


def _table(
    spec: TableSpec,
    frame: pd.DataFrame,
    selection: Selection,
    notes: tuple[str, ...] = (),
    uri: Uri = (),
) -> Table:
    collection = collect(frame, spec, selection)
    answers = {}
    if spec.quality.split == "test":  # which answers are of
        shown = [run.run_id for runs in collection.runs for run in runs.values()]
        answers = read_answers(uri, list(dict.fromkeys([*shown, *collection.baselines])))
    published = read_published(spec.published)
    return build_table(spec, collection, published, notes, selection, answers)


def write_index(folder: Path, results: Sequence[ReportResult]) -> Path:
    """Writes a page, `index.html`, which leads to those of several tables below a folder.

    Where the index of collected runs is, which is committed, this one is `local.html`.

    Raises:
        ReportError: The folder cannot be written to.
    """
    pages = [
        (path, result.table)
        for result in results
        for path in result.paths
        if path.suffix == ".html"
    ]
    tables = [(page.relative_to(folder).as_posix(), table) for page, table in pages]
    collected = any(page.parent == folder for page, _ in pages)
    name = "local.html" if (folder / "runs").is_dir() and not collected else "index.html"
    (path,) = write_files(folder, {name: to_index(tables).encode()})
    return path


def no_runs() -> pd.DataFrame:
    """A frame of runs without any."""
    columns = ["run_id", "experiment_id", "status", "start_time", "end_time"]
    return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
