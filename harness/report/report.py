"""One table, from the store to its files: read → collect → compute → draw → write."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.errors import ReportError
from harness.report.collect import Exclusion, collect
from harness.report.files import write_files
from harness.report.published import read_published
from harness.report.render import to_csv, to_html, to_latex, to_markdown
from harness.report.spec import TableSpec
from harness.report.tables import Table, build_table
from harness.report.terminal import to_text
from harness.tracking.reader import NoRunsError, read_runs

_DRAW: dict[str, Callable[[Table], str]] = {"csv": to_csv, "tex": to_latex, "html": to_html}
#: The formats a table can be written in; each is also its file's extension.
FORMATS = ("md", *_DRAW)


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
    uri: str,
    out_dir: Path,
    formats: Sequence[str] = ("md", "csv"),
    plots: bool = True,
    width: int = 120,
) -> ReportResult:
    """Regenerates a table and its plots from an MLflow store.

    Args:
        spec: The table; `spec.name` is the experiment read.
        uri: The MLflow tracking URI.
        out_dir: The folder of the files: `table.<format>` and the plots.
        formats: Of `FORMATS`.
        plots: Whether to draw plots (nothing is drawn where nothing sparse was measured).
        width: Columns of the terminal text.

    Returns:
        The files written, the text for a terminal, and what must be said of the runs.

    Raises:
        TrackingError: The store cannot be read, or holds no such experiment. A table with
            published values is drawn without runs instead, and its notes say so.
        ReportError: A format is unknown, or the folder cannot be written to.

    Example:
        >>> result = report(spec, uri="sqlite:///mlflow.db", out_dir=Path("results/demo"))
        >>> print(result.text)
    """
    if unknown := [name for name in formats if name not in FORMATS]:
        raise ReportError(f"formats={','.join(unknown)}: accepted: {', '.join(FORMATS)}")
    published = read_published(spec.published)
    absent: tuple[str, ...] = ()
    try:
        frame = read_runs(uri, spec.name)
    except NoRunsError as error:
        if spec.published is None:
            raise
        frame, absent = _no_runs(), (f"No runs yet: {error}.",)
    collection = collect(frame, spec)
    table = build_table(spec, collection, published, absent)
    drawn = _draw_plots(table) if plots else {}
    files = {f"table.{name}": _draw(table, name, drawn).encode() for name in formats}
    paths = write_files(out_dir, {**files, **drawn})
    return ReportResult(
        tuple(paths), to_text(table, width), table.notes, tuple(collection.excluded), table
    )


def _draw(table: Table, name: str, plots: dict[str, bytes]) -> str:
    if name == "md":
        return to_markdown(table, [plot for plot in plots if plot.endswith(".svg")])
    return _DRAW[name](table)


def _draw_plots(table: Table) -> dict[str, bytes]:
    from harness.report.plots import draw_plots  # matplotlib: half a second of import

    return draw_plots(table)


def _no_runs() -> pd.DataFrame:
    columns = ["run_id", "status", "start_time", "end_time"]
    return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
