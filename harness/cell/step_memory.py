"""The memory that one device needs to train a cell, before anything is trained."""

from typing import TYPE_CHECKING, Any

from harness import tasks
from harness.config import Config, is_dense

if TYPE_CHECKING:
    from harness.pruning import Summary
    from harness.training.memory import Memory

#: Cards that are sold, in GB of 10⁹ bytes.
CARDS = (24, 40, 80)
#: What a process has of a card, the rest being CUDA's and its libraries'. Not measured here.
_USABLE = 0.9


def of_cell(config: Config, model: Any, examples: Any, summary: "Summary") -> "Memory":
    """What a device needs for its share of what is computed at once.

    Args:
        config: validated.
        model: the cell's, built in its precision; it is compiled here.
        examples: its data, or what is known of them.
        summary: of the model under the cell's pruner.
    """
    from harness.training import memory, recipe

    training, sparsity = config.training, config.sparsity
    phase = training.dense if is_dense(config) else training.finetune
    length = recipe.length(phase, examples.steps_per_epoch(training.batch_size))
    objective = tasks.of(config).objective(training.label_smoothing)
    recipe.compile_model(model, phase, training, length, objective)
    pruner = sparsity.pruner(length.total_steps, config.seed)
    masks = 0
    if pruner is not None:
        slots = len(pruner.score.slots) + len(pruner.method.slots)
        masks = sum(row.size for row in summary.layers if row.prunable) * (1 + 4 * slots)
    devices = 1 if config.strategy.name == "single" else config.strategy.devices or 1
    return memory.of_step(model, training.part_size // devices, objective.loss, masks)


def shown(memory: "Memory", examples: int) -> str:
    """Lines for a person."""
    parts = {
        "weights": memory.weights,
        "optimizer": memory.optimizer,
        "masks": memory.masks,
        "activations and gradients": memory.activations,
        "together": memory.total,
    }
    lines = [f"memory of a training step of {examples} examples, GB"]
    for name, size in parts.items():
        value = "not known: sentences have any length" if size is None else f"{size / 1e9:8.3f}"
        lines.append(f"  {name:26}{value}")
    if memory.total is not None:
        for card in CARDS:
            fits = "fits" if memory.total <= card * 1e9 * _USABLE else "does not fit"
            lines.append(f"  {fits} a card of {card} GB")
    return "\n".join(lines)
