"""What a cell is, before anything is spent on it: its layers, counts and identity."""

import json
from typing import Any

from harness import data
from harness.config import Config, cell_id
from harness.config.schema import DatasetConfig
from harness.preflight import summarize_planned
from harness.quiet import captured
from harness.tracking.labels import run_name


def describe(config: Config, *, as_json: bool = False) -> str:
    """Builds the cell's model and lays its pruner over it, without training.

    Args:
        config: validated.
        as_json: JSON instead of a table. Its totals are `total_params`, `trainable_params`,
            `prunable_params` and `nonzero_params`, the trainable weights left at the target.

    Raises:
        HarnessError: a data set that is missing, or a pruner that finds nothing to prune.
    """
    data.check(config.dataset)
    content: dict[str, Any] = {
        "name": run_name(config),
        "cell_id": cell_id(config, data.fingerprint(config.dataset)),
    }
    with captured():  # TensorFlow's remarks about the machine
        summary = summarize_planned(config)
    if as_json:
        return json.dumps({**content, **summary.as_dict()}, indent=1)
    return f"{content['name']}\ncell {content['cell_id']}\n\n{summary}"


def describe_data(dataset: DatasetConfig) -> str:
    """Reads a data set and says what it holds.

    Raises:
        DataError: it is missing, laid out differently or damaged.
    """
    data.check(dataset)
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
