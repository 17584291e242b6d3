"""Files of a model that is trained already: a finished cell's, a run's, or one in a file.

Nothing is trained and no store is written to. The data set is read, for every file is compared
with the model on real examples and scored on the test split.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from harness import data, metrics
from harness.cell.shipping import Shipped, ship
from harness.cell.shrinking import smaller
from harness.config import Config, compose, trained_id
from harness.config.compose import recompose
from harness.config.folders import command
from harness.errors import ConfigError, ExportError
from harness.export.timing import latency
from harness.quiet import captured
from harness.tracking import cell_run, packaging
from harness.tracking.cell_run import fetched

#: What is known of the files, beside them.
REPORT = "export.json"
_MODEL = f"{packaging.FOLDER}/{packaging.KERAS_FILE}"
_SUFFIXES = (".keras", ".h5", ".packed")


@dataclass(frozen=True)
class _Source:
    """A trained model: its config, and how its file is had (within a block)."""

    config: Config
    file: Callable[[], Any]
    trained_here: bool


def export_again(
    source: str | None,
    overrides: Sequence[str],
    formats: Sequence[str] | None,
    out: Path,
    on_stage: Callable[[str], None] = lambda stage: None,
    timed: bool = False,
    shrunk: bool = False,
) -> tuple[str, bool]:
    """Writes the files of a trained model into a folder.

    Args:
        source: a run's id, or a file (.keras, .packed); None for the finished cell that the
            overrides describe.
        overrides: of a cell or, with a file, of the data and the model that it goes with; with
            a run dotted ones only, such as `dataset.data_dir=…`.
        formats: what to write; None for what the config says.
        out: the folder; made if missing, files of the same names replaced.
        on_stage: hears what is being done.
        timed: whether the TensorFlow Lite files are timed, too (`harness.export.timing`).
        shrunk: whether the files are those of the model without its dead channels.

    Returns:
        What to print, and whether all formats were written.

    Raises:
        HarnessError: there is no such run, cell or file, or a format that does not suit it.
    """
    found = _source(source, list(overrides))
    config = found.config
    if formats is not None:
        config = replace(config, export=replace(config.export, formats=list(formats)))
    config.export.check(config.dataset)
    data.require(config.dataset)
    out.mkdir(parents=True, exist_ok=True)
    with found.file() as path:
        shipped, told, line = _shipped(config, path, found.trained_here, out, on_stage, shrunk)
    text = _table(config, shipped, out) + line
    if timed:
        on_stage("timing")
        found_times = _times(config, shipped, out)
        told["metrics"] |= found_times.metrics()
        told["latency"] = asdict(found_times)
        text = f"{text}\n\n{found_times}"
    (out / REPORT).write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return text, not shipped.failures


def _times(config: Config, shipped: Shipped, out: Path) -> latency.Latency:
    """Of the files that were written; those that failed have no times either."""
    failed = {failure.kind for failure in shipped.failures}
    chosen = [each for each in config.export.chosen() if each.kind not in failed]
    files = {each.kind: out / each.file for each in chosen if each.file.endswith(".tflite")}
    return latency.measure(files)


def _shipped(
    config: Config,
    path: Path,
    trained_here: bool,
    out: Path,
    on_stage: Callable[[str], None],
    shrunk: bool,
) -> tuple[Shipped, dict[str, Any], str]:
    """The files; what to note of them; and a line about the model, if it was made smaller."""
    from harness import tasks

    task = tasks.of(config)
    task.require()
    on_stage("loading data")
    with captured():  # TensorFlow's remarks about the machine
        examples = data.load(config.dataset)
        model = _load(config, path, task, examples, trained_here)
    more, line = {}, ""
    if shrunk:
        on_stage("shrinking")
        model, more["shrunk"], line = smaller(model, task.samples(examples, config).inputs)
    on_stage("evaluating")
    scores = task.evaluate(model, examples, config)
    shipped = ship(task, model, examples, config, scores, out, on_stage)
    shipped = replace(shipped, metrics={**scores.metrics("test"), **shipped.metrics})
    told = {"metrics": dict(shipped.metrics), "tags": dict(shipped.tags), **more}
    return shipped, told, line and f"\n{line}"


def _load(config: Config, path: Path, task: Any, examples: Any, trained_here: bool) -> Any:
    from harness.export import packed
    from harness.models.layers.plain import load_weights

    if trained_here:
        model = task.build(config, examples)
        load_weights(model, path)
        return model
    import keras

    from harness.models.layers import gnmt_layers  # noqa: F401  registers them

    if path.suffix == ".packed":
        return packed.load(path)
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, OSError, TypeError) as error:
        line = str(error).splitlines()[0]
        raise ExportError(f"{path}: Keras cannot read it: {line}") from error


def _source(source: str | None, overrides: list[str]) -> _Source:
    if source is None:
        return _of_cell(compose(overrides), overrides)
    if re.fullmatch("[0-9a-f]{32}", source):
        return _of_run(source, overrides)
    path = Path(source)
    if not path.is_file() or path.suffix not in _SUFFIXES:
        raise ConfigError(
            f"export: received {source}; accepted: a run's id (32 hex digits), a file that ends"
            f" in {', '.join(_SUFFIXES)} and exists, or KEY=VALUE overrides of a finished cell"
        )
    return _Source(compose(overrides), lambda: _at(path), False)


def _of_cell(config: Config, overrides: list[str]) -> _Source:
    data.require(config.dataset)
    with captured():
        trained = trained_id(config, data.fingerprint(config.dataset))
    run_id = cell_run.find_trained(config.tracking, trained)
    if run_id is None:
        raise ConfigError(
            f"export: no finished cell of {config.tracking.experiment!r} in {config.tracking.uri}"
            f" has these weights; train it first: {command('run', *overrides)}"
        )
    return _Source(config, lambda: fetched(config.tracking.uri, run_id, _MODEL), True)


def _of_run(run_id: str, overrides: list[str]) -> _Source:
    uri = next((o.partition("=")[2] for o in overrides if o.startswith("tracking.uri=")), None)
    uri = uri or compose([]).tracking.uri
    with fetched(uri, run_id, "config.yaml") as path:
        config = recompose(yaml.safe_load(path.read_text(encoding="utf-8")), overrides)
    return _Source(config, lambda: fetched(uri, run_id, _MODEL), True)


@contextmanager
def _at(path: Path) -> Iterator[Path]:
    yield path


def _table(config: Config, shipped: Shipped, out: Path) -> str:
    from harness import tasks

    quality = tasks.of(config).quality
    formats = {each.kind: each for each in config.export.chosen()}
    ends = ("bytes", "gzip_bytes", "zstd_bytes", "xz_bytes")
    rows: list[tuple[str, ...]] = [
        ("format", "bytes", "gzip -9", "zstd -19", "xz", quality.partition("/")[2])
    ]
    for kind in ("keras", *formats):
        sizes = [shipped.metrics.get(metrics.size(kind, end)) for end in ends]
        prefix = formats[kind].scored if kind in formats else "test"
        score = shipped.metrics.get(f"{prefix}/{quality.partition('/')[2]}")
        if None not in sizes:
            weights = [f"{size:,.0f}" for size in sizes if size is not None]
            rows.append((kind, *weights, "-" if score is None else f"{score:.4f}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    failed = [f"failed: {one.kind}: {one.reason}" for one in shipped.failures]
    return "\n".join([*lines, *failed, f"written to {out}, {REPORT} among them"])
