"""The files of a cell's run: config, models, per-layer sparsity, curves, tables."""

import csv
import dataclasses
import io
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from harness.config import Config
from harness.tracking.cell_run import CellRun
from harness.tracking.packaging import FOLDER, write_model_files


def log_config(run: CellRun, config: Config) -> None:
    """The resolved config, as `config.yaml`."""
    _log_text(run, "config.yaml", yaml.safe_dump(dataclasses.asdict(config), sort_keys=False))


def log_model(run: CellRun, model: Any, folder: Path) -> None:
    """A folder of exported files as `runs:/RUN_ID/model`, a model in MLflow's format.

    Args:
        run: an open run.
        model: the `keras.Model` that they were made of.
        folder: with `model.keras` and what else was exported.
    """
    packaged = write_model_files(folder, run.run_id, model)
    for path in sorted(folder.iterdir()):
        run.artifact(path, FOLDER)
    # what tells MLflow's UI that the folder is a model
    run.set_tags({"mlflow.log-model.history": json.dumps([packaged.get_tags_dict()])})


def log_layers(run: CellRun, layers: Sequence[Any]) -> None:
    """Every trainable weight, pruned or why not, as `sparsity/layers.csv` and a plot."""
    rows = [dataclasses.asdict(layer) for layer in layers]
    if not rows:
        return
    _log_text(
        run, "layers.csv", _csv(list(rows[0]), [list(row.values()) for row in rows]), "sparsity"
    )
    pruned = [layer for layer in layers if layer.prunable]
    figure, axes = _figure(height=0.9 + 0.3 * len(pruned))
    axes.barh([layer.path for layer in pruned], [layer.sparsity for layer in pruned])
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="share of zeros", title="Sparsity by layer")
    _log_figure(run, figure, "layers.png", "sparsity")


def log_multiply_adds(run: CellRun, counted: Any) -> None:
    """What each weight costs one example, and what it would without its zeros.

    Args:
        run: an open run.
        counted: `harness.models.layers.multiply_adds.MultiplyAdds`.
    """
    rows = counted.rows()
    _log_text(run, "multiply_adds.csv", _csv(rows[0], rows[1:]), "sparsity")


def log_history(run: CellRun, history: Sequence[Mapping[str, float]]) -> None:
    """Training and validation curves, as `curves/*.png`."""
    names = sorted({key.partition("/")[2] for record in history for key in record if "/" in key})
    for name in names:
        figure, axes = _figure(height=3.2)
        for split in ("train", "val"):
            points = [(r["step"], r[f"{split}/{name}"]) for r in history if f"{split}/{name}" in r]
            if points:
                axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=split)
        axes.set(xlabel="step", ylabel=name, title=name)
        axes.legend(frameon=False)
        _log_figure(run, figure, f"{name}.png", "curves")


def log_tables(run: CellRun, tables: Mapping[str, Any]) -> None:
    """Tables (a header and rows), each as a CSV file of its name."""
    for name, table in tables.items():
        _log_text(run, name, _csv(table.header, table.rows))


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _figure(height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure  # without pyplot: no state, no display

    figure = Figure(figsize=(6.4, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _log_figure(run: CellRun, figure: Any, name: str, folder: str) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, name)
        figure.savefig(path, dpi=120)
        run.artifact(path, folder)


def _log_text(run: CellRun, name: str, text: str, folder: str | None = None) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, name)
        path.write_text(text, encoding="utf-8")
        run.artifact(path, folder)
