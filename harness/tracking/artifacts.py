"""The files of a cell's run: config, models, per-layer sparsity, curves, tables."""

import dataclasses
import json
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from harness.config import Config
from harness.config.label import sparsity_label
from harness.tracking.cell_run import CellRun
from harness.tracking.packaging import FOLDER, write_model_files


def log_config(run: CellRun, config: Config) -> None:
    """The resolved config, as `config.yaml`."""
    text = yaml.safe_dump(dataclasses.asdict(config), sort_keys=False)
    _log(run, {"config.yaml": text.encode()})


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


def log_layers(run: CellRun, config: Config, layers: Sequence[Any]) -> None:
    """Every trainable weight, pruned or why not, as `sparsity/layers.csv` and a plot."""
    from harness.plots import layers as plot
    from harness.plots.figure import render

    if not layers:
        return
    rows = pd.DataFrame([dataclasses.asdict(layer) for layer in layers], dtype=object)
    _log(run, {"layers.csv": _csv(rows)}, "sparsity")
    pruned = rows[rows["prunable"].astype(bool)].assign(sparsity_reached=rows["sparsity"])
    drawn = pruned.assign(weight=rows["path"], sparsity=sparsity_label(config), variant="")
    panel = {"Sparsity by layer": partial(plot.draw, frame=drawn)}
    _log(run, render("layers", panel, (6.4, plot.height(drawn)), ["png"]), "sparsity")


def log_multiply_adds(run: CellRun, counted: Any) -> None:
    """What each weight costs one example, and what it would without its zeros.

    Args:
        run: an open run.
        counted: `harness.models.layers.multiply_adds.MultiplyAdds`.
    """
    header, *rows = counted.rows()
    _log(run, {"multiply_adds.csv": _csv(_frame(header, rows))}, "sparsity")


def log_history(run: CellRun, history: Sequence[Mapping[str, float]]) -> None:
    """Training and validation curves, as `curves/*.png`."""
    from harness.plots import curves
    from harness.plots.figure import render

    frame = pd.DataFrame(history)
    for name in curves.names(frame):
        panel = {name: partial(curves.draw, frame=frame, name=name)}
        _log(run, render(name, panel, (6.4, 3.2), ["png"]), "curves")


def log_tables(run: CellRun, tables: Mapping[str, Any]) -> None:
    """Tables (a header and rows), each as a CSV file of its name."""
    for name, table in tables.items():
        _log(run, {name: _csv(_frame(table.header, table.rows))})


def log_text(run: CellRun, name: str, text: str) -> None:
    """A file of text."""
    _log(run, {name: text.encode()})


def _frame(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(header), dtype=object)


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, lineterminator="\n").encode()


def _log(run: CellRun, files: Mapping[str, bytes], folder: str | None = None) -> None:
    """Files by name, in a folder of the run."""
    with tempfile.TemporaryDirectory() as temporary:
        for name, content in files.items():
            path = Path(temporary, name)
            path.write_bytes(content)
            run.artifact(path, folder)
