"""`harness collect`, and the tables that are rebuilt from what it keeps."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from harness.config import compose
from harness.errors import ReportError
from harness.report import TableSpec
from harness.report.files import write_files
from harness.report.kept_spec import from_json, to_json
from harness.sweep.spec import load, names
from harness.sweep.table import table_spec
from harness.tracking import collected
from harness.tracking.runs import opened

#: Where collected runs are kept, to be committed.
RUNS = Path("results/runs")
_console = Console(highlight=False)


def collect_runs(tables: Sequence[str], uri: str | None, folder: Path | None) -> None:
    """Adds what a store has finished to a folder of collected runs, and says what.

    The specification of each table is kept beside its runs (`harness.report.kept_spec`).

    Args:
        tables: sweeps by name; a table without runs is planned there. If empty, all that the store
            has runs of, and all that are planned.
        uri: the MLflow store; None for the config's.
        folder: None for `results/runs`.

    Raises:
        HarnessError: the store cannot be read, has no such experiment, or the folder cannot be
            written to.
    """
    store, into = uri or compose().tracking.uri, folder or RUNS
    with opened(store) as backend:
        held = sorted(each.name for each in backend.experiments())
    planned = {path.stem for path in into.glob("*.json")}
    chosen = list(tables) or [name for name in names() if name in held or name in planned]
    if not chosen:
        raise ReportError(
            f"{store} holds no sweep's runs, but of: {', '.join(held) or 'nothing'}; run a sweep"
        )
    specs = {name: _spec(name) for name in chosen}
    for name, spec in specs.items():
        path, count = collected.collect(store, name, into) if name in held else (None, 0)
        write_files(into, {f"{name}.json": to_json(spec).encode()})
        said = f"{count} runs in {path}" if path else "nothing new"
        _console.print(f"{name}: {said}", markup=False, soft_wrap=True)


def _spec(name: str) -> TableSpec:
    sweep = load(name)
    spec = table_spec(sweep, [config for config, _ in sweep.configs()])
    return replace(spec, command=collected.without_places(spec.command))


def kept_specs(folder: Path) -> dict[str, TableSpec]:
    """The tables of a folder of collected runs, by the names of their files.

    A sweep of a published table goes by that one's name, where no other does.

    Raises:
        ReportError: the folder has none.
    """
    specs = [from_json(path) for path in sorted(folder.glob("*.json"))]
    if not specs:
        raise ReportError(
            f"--from: received {folder}, which holds no collected runs; accepted: a folder that "
            "`harness collect` has written"
        )
    shared = Counter(spec.published for spec in specs)
    return {
        (spec.published if spec.published and shared[spec.published] == 1 else spec.name): spec
        for spec in specs
    }
