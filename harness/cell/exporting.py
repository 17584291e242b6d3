"""Files of a model that is trained already: a finished cell's, a run's, or one in a file.

Nothing is trained and no store is written to. The data set is read, for every file is compared
with the model on real examples and scored on the test split.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from harness import data, tasks
from harness.cell import exported, timing
from harness.cell.shipping import Shipped, ship
from harness.cell.shrinking import smaller
from harness.config import Config, compose, trained_id
from harness.config.compose import recompose
from harness.config.folders import command
from harness.errors import ConfigError, ExportError, first_line
from harness.export import keras_file
from harness.export.timing import scripts
from harness.system.quiet import captured
from harness.tracking import cell_run, packaging
from harness.tracking.cell_run import fetched
from harness.tracking.dense import dense_run
from harness.tracking.runs import find_all

#: What is known of the files, beside them.
REPORT = "export.json"
_MODEL = f"{packaging.FOLDER}/{packaging.KERAS_FILE}"
_SUFFIXES = (".keras", ".h5", ".packed")


@dataclass(frozen=True)
class _Source:
    """A trained model: its config, how its file is had (within a block), and its run, if any."""

    config: Config
    file: Callable[[], Any]
    run_id: str | None = None

    @property
    def dense(self) -> str | None:
        """The run of its dense baseline, which may be itself; None where that is not known."""
        return dense_run(self.config.tracking.uri, self.run_id) if self.run_id else None


def export_again(
    source: str | None,
    overrides: Sequence[str],
    formats: Sequence[str] | None,
    out: Path,
    on_stage: Callable[[str], None] = lambda stage: None,
    timed: bool = False,
    scripted: bool = False,
    shrunk: bool = False,
) -> tuple[str, bool]:
    """Writes the files of a trained model into a folder.

    Args:
        source: a run's id, or a file (.keras, .packed); None for the finished cell that the
            overrides describe.
        overrides: of a cell or, with a file, of the data and the model that it goes with; with
            a run dotted ones only, such as `dataset.data_dir=…`.
        formats: what to write; None for what the config says.
        out: the folder; made if missing, files of the same names replaced, and removed where a
            format fails.
        on_stage: hears what is being done.
        timed: whether the TensorFlow Lite files are timed, too (`harness.export.timing`).
        scripted: whether scripts are written that time them elsewhere.
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
    task = tasks.of(config)
    task.require()
    with found.file() as path:
        here = found.run_id is not None
        _refuse_own(path, out, config)
        _begin(out)
        shipped, scores, more, line = _shipped(config, task, path, here, out, on_stage, shrunk)
    dense = found.dense
    uri = config.tracking.uri
    sizes = cell_run.final_metrics(config.tracking, dense, ("size/",)) if dense else {}
    texts = [exported.table(config, shipped, sizes)]
    texts += [f"failed: {one.kind}: {one.reason}" for one in shipped.failures]
    texts += [line] if line else []
    told: dict[str, Any] = {"metrics": dict(shipped.metrics), "tags": dict(shipped.tags), **more}
    against = {}
    if timed or scripted:
        with timing.baseline(uri, None if dense == found.run_id else dense) as copies:
            against = {kind: _kept(copy, out / _copy(kind)) for kind, copy in copies.items()}
    if timed:
        on_stage("timing")
        times = timing.time_files(shipped, task, config, scores, against)
        told["metrics"] |= times.metrics
        told["tags"] |= times.tags
        if times.latency is not None:
            told["latency"] = asdict(times.latency)
            texts.append(f"\n{times.latency}\n")
        if times.lacking:
            texts.append(f"not timed: {times.lacking}")
    if scripted:
        own = {each.kind: each.path for each in shipped.artifacts}
        texts += scripts.write(out, {**against, **own}, task.signature)
    (out / REPORT).write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return "\n".join([*texts, f"written to {out}, {REPORT} among them"]), not shipped.failures


def _refuse_own(path: Path, out: Path, config: Config) -> None:
    """Refuses a folder in which the model's own file would be replaced."""
    for name in (keras_file.FILE, *(each.file for each in config.export.chosen())):
        if (out / name).exists() and (out / name).samefile(path):
            raise ConfigError(
                f"export: received --out {out}, where {path} itself would be replaced;"
                " accepted: another folder"
            )


def _begin(out: Path) -> None:
    """Makes the folder, without what an earlier export wrote of its files: they are replaced."""
    out.mkdir(parents=True, exist_ok=True)
    copies = (_copy(kind) for kind in timing.BASELINE)
    for name in (REPORT, *copies, scripts.ARM, scripts.GPU):
        (out / name).unlink(missing_ok=True)


def _copy(kind: str) -> str:
    """The name of a copy of the dense baseline's file."""
    return f"{kind}.tflite"


def _kept(copy: Path, path: Path) -> Path:
    shutil.copyfile(copy, path)
    return path


def _shipped(
    config: Config,
    task: Any,
    path: Path,
    trained_here: bool,
    out: Path,
    on_stage: Callable[[str], None],
    shrunk: bool,
) -> tuple[Shipped, Any, dict[str, Any], str]:
    """The files; the scores; and, of a model made smaller, what to note of it, and as a line."""
    on_stage("loading data")
    with captured():  # TensorFlow's remarks about the machine
        examples = data.load(config.dataset)
        model = _load(config, path, task, examples, trained_here)
        _refuse_others(model, path, task, examples, config)
    more, line = {}, ""
    if shrunk:
        on_stage("shrinking")
        model, more["shrunk"], line = smaller(model, task.samples(examples, config).inputs)
    on_stage("evaluating")
    scores = task.evaluate(model, examples, config)
    shipped = ship(task, model, examples, config, scores, out, on_stage)
    told = {**scores.metrics("test"), **shipped.metrics}
    return replace(shipped, metrics=told), scores, more, line


def _load(config: Config, path: Path, task: Any, examples: Any, trained_here: bool) -> Any:
    from harness.export import packed
    from harness.models.layers.plain import load_weights

    if trained_here:
        model = task.build(config, examples)
        try:
            load_weights(model, path)
        except ValueError as error:
            raise ExportError(
                f"{path.name}: its weights are not those of model={config.model.name} with these"
                f" overrides: {first_line(error)}"
            ) from error
        return model
    import keras

    from harness.models.layers import gnmt_layers  # noqa: F401  registers them

    if path.suffix == ".packed":
        return packed.load(path)
    with keras_file.reading(path):
        return keras.models.load_model(path, compile=False)


def _refuse_others(model: Any, path: Path, task: Any, examples: Any, config: Config) -> None:
    """Refuses a model that does not take what the data give, or knows other classes."""
    import keras
    import tensorflow as tf

    from harness.export.comparison import outputs_of

    inputs = task.inputs(examples, 1)
    given = [tuple(one.shape[1:]) for one in keras.tree.flatten(inputs)]
    taken = [tuple(one.shape[1:]) for one in getattr(model, "inputs", None) or ()]
    data_set = f"dataset={config.dataset.name}"
    accepted = "accepted: the data set that it was trained on (dataset=…)"
    try:
        classes = outputs_of(model, inputs).shape[-1]
    except (ValueError, TypeError, tf.errors.OpError) as error:
        takes = _shapes(taken) if taken and taken != given else first_line(error)
        raise ExportError(
            f"{path}: does not take the examples of {data_set}, received {_shapes(given)}, takes"
            f" {takes}; {accepted}"
        ) from error
    if classes != examples.num_classes:
        raise ExportError(
            f"{path}: gives {classes:,} classes, where {data_set} has {examples.num_classes:,};"
            f" {accepted}"
        )


def _shapes(shapes: Sequence[tuple[int | None, ...]]) -> str:
    return " and ".join("×".join(str(n or "any") for n in shape) or "-" for shape in shapes)


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
    return _Source(compose(overrides), lambda: _at(path))


def _of_cell(config: Config, overrides: list[str]) -> _Source:
    data.require(config.dataset)
    with captured():
        trained = trained_id(config, data.fingerprint(config.dataset))
    run_id = find_all(config.tracking.uri, config.tracking.experiment).trained.get(trained)
    if run_id is None:
        raise ConfigError(
            f"export: no finished cell of {config.tracking.experiment!r} in {config.tracking.uri}"
            f" has these weights; train it first: {command('run', *overrides)}"
        )
    return _Source(config, lambda: fetched(config.tracking.uri, run_id, _MODEL), run_id)


def _of_run(run_id: str, overrides: list[str]) -> _Source:
    uri = next((o.partition("=")[2] for o in overrides if o.startswith("tracking.uri=")), None)
    uri = uri or compose([]).tracking.uri
    with fetched(uri, run_id, "config.yaml") as path:
        config = recompose(yaml.safe_load(path.read_text(encoding="utf-8")), overrides)
    config = replace(config, tracking=replace(config.tracking, uri=uri))
    return _Source(config, lambda: fetched(uri, run_id, _MODEL), run_id)


@contextmanager
def _at(path: Path) -> Iterator[Path]:
    yield path
