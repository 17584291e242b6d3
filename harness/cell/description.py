"""What a cell is, before anything is spent on it: its layers, counts and identity."""

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from harness import data
from harness.cell.step_memory import of_cell, shown
from harness.config import Config, cell_id, phase_of
from harness.config.label import run_name
from harness.errors import DataError
from harness.system.quiet import captured

if TYPE_CHECKING:
    from harness.models.layers.multiply_adds import MultiplyAdds
    from harness.pruning import Summary
    from harness.training.memory import Memory

#: What is not known of a cell whose data are not here.
UNCHECKED = ("the data", "the cell's id", "the schedule against the steps of an epoch")
#: Steps of an epoch that nobody counted: enough for a schedule of any length.
_UNCOUNTED = 1_000_000


@dataclass(frozen=True)
class Unread:
    """What the model and the schedule of a cell ask of a data set that only the config tells of.

    Attributes:
        name: of the data set.
        input_shape: of an example.
        num_classes: number of classes.
        missing: why it could not be read.
        vocabulary: not known.
    """

    name: str
    input_shape: tuple[Any, ...]
    num_classes: int
    missing: str
    vocabulary: str = ""

    def steps_per_epoch(self, batch_size: int) -> int:
        """Not known, so plenty."""
        return _UNCOUNTED


def describe(config: Config, *, as_json: bool = False, memory: bool = False) -> str:
    """Builds the cell's model and lays its pruner over it, without training.

    A data set that no `dataset.data_dir` points to need not be there, if its config tells its
    classes and its shape: what could not be checked is said.

    Args:
        config: validated.
        as_json: JSON instead of tables. Its totals are `total_params`, `trainable_params`,
            `prunable_params` and `nonzero_params`, the trainable weights left at the target, and
            `multiply_adds` and `effective_multiply_adds` of one example.
        memory: says what memory a training step needs, too (`memory_bytes`).

    Raises:
        HarnessError: a data set that is missing, or a pruner that finds nothing to prune.
    """
    unread = _unread(config.dataset)
    found = None if unread else cell_id(config, data.fingerprint(config.dataset))
    with captured():  # TensorFlow's remarks about the machine
        built = {} if unread is None else {_key(config): unread}
        summary = summarize_planned(config, built)
        model = built[_model_key(config)]
        counted = _multiply_adds(model, summary)
        needed = of_cell(config, built[_key(config)], summary) if memory else None
    content: dict[str, Any] = {"name": run_name(config), "cell_id": found}
    if unread is not None:
        content |= {"missing": unread.missing, "unchecked": UNCHECKED}
    if as_json:
        content |= {"multiply_adds": counted.dense, "effective_multiply_adds": counted.effective}
        content |= {"uncounted": counted.uncounted, "uses": list(map(asdict, counted.uses))}
        if needed is not None:
            content["memory_bytes"] = {**asdict(needed), "total": needed.total}
        return json.dumps({**content, **summary.as_dict()}, indent=1)
    known = f"cell {found}"
    if unread is not None:
        known = f"without data: {unread.missing}\nnot checked: {', '.join(UNCHECKED)}"
    told = f"{content['name']}\n{known}\n\n{summary}\n\n{counted}"
    return told if needed is None else f"{told}\n\n{shown(needed, config)}"


def planned_memory(config: Config, built: dict[str, Any]) -> "Memory":
    """What a training step of a cell will hold, as `describe` says it.

    Args:
        config: validated; its data are here.
        built: as of `summarize_planned`.

    Raises:
        HarnessError: as `summarize_planned`.
    """
    summary = summarize_planned(config, built)
    return of_cell(config, built[_key(config)], summary)


def _multiply_adds(model: Any, summary: "Summary") -> "MultiplyAdds":
    from harness.models.layers import multiply_adds

    return multiply_adds.count(model, {row.path: row.kept for row in summary.layers})


def _unread(dataset: data.DatasetOptions) -> Unread | None:
    """What the config alone tells of a data set that is not here; None if it is."""
    try:
        data.require(dataset)
    except DataError as error:
        if dataset.data_dir is not None:
            raise
        shape = dataset.shape()
        if shape is None:
            raise DataError(
                f"{error} (the classes of dataset={dataset.name} are those of its files)"
            ) from None
        return Unread(dataset.name, *shape, str(error))
    return None


def describe_data(dataset: data.DatasetOptions) -> str:
    """Reads a data set and says what it holds.

    Raises:
        DataError: it is missing, laid out differently or damaged.
    """
    data.require(dataset)
    with captured():  # TensorFlow's remarks about the machine
        examples = data.load(dataset)
    sides = ("any length" if side is None else str(side) for side in examples.input_shape)
    shape = "×".join(sides)
    return "\n".join(
        [
            f"{dataset.name} from {examples.source}",
            f"training examples  {examples.num_train:,}",
            f"input shape        {shape}",
            f"classes            {examples.num_classes}",
            f"fingerprint        {examples.fingerprint}",
        ]
    )


def _key(config: Config) -> str:
    """Under which a cell's data are found in what was built."""
    return f"{config.dataset}"


def _model_key(config: Config) -> str:
    """Under which a cell's model is found there."""
    return f"{config.model}/{_key(config)}/{config.training.dense_weights}"


def summarize_planned(config: Config, built: dict[str, Any] | None = None) -> "Summary":
    """Every weight of a cell's model as its pruner would leave it, without training.

    Args:
        config: validated.
        built: data and models by what they are made of, to make each once.

    Raises:
        HarnessError: what only the built model can refuse.
    """
    from harness import tasks
    from harness.models.layers.weights import load_file
    from harness.pruning.options import summarize
    from harness.training import recipe, strategy

    task = tasks.of(config)
    task.require()
    built = {} if built is None else built
    weights = config.training.dense_weights
    of_data = _key(config)
    key = _model_key(config)
    with strategy.rehearsal(config.strategy, config.training.part_size):
        if of_data not in built:
            built[of_data] = data.load(config.dataset)
        examples = built[of_data]
        if key not in built:
            built[key] = task.build(config, examples)
            if weights is not None:
                load_file(built[key], weights)
        model = built[key]
        phase = phase_of(config)
        steps_per_epoch = examples.steps_per_epoch(config.training.batch_size)
        length = recipe.length(phase, steps_per_epoch)
        if not isinstance(examples, Unread):  # of which no phase in epochs has its length
            recipe.phase_rate(phase, config.training, length)
        pruner = config.sparsity.pruner(length.total_steps, config.seed)
        if pruner is None:
            return summarize(model, None)
        config.sparsity.method.check_model(model)
        return pruner.preview(model)
