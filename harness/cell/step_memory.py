"""The memory that one device needs to train a cell, before anything is trained."""

from typing import TYPE_CHECKING, Any

from harness import tasks
from harness.config import Config, phase_of

if TYPE_CHECKING:
    from harness.pruning import Summary
    from harness.training.memory import Memory

#: Cards that are sold, in GB of 10⁹ bytes.
CARDS = (24, 40, 80)
#: What a process has of a card, the rest being CUDA's and its libraries'. Not measured here.
_USABLE = 0.9


def of_cell(config: Config, examples: Any, summary: "Summary") -> "Memory":
    """What a device needs for its share of what is computed at once.

    Args:
        config: validated.
        examples: its data, or what is known of them.
        summary: of the model under the cell's pruner.
    """
    from harness.training import memory, recipe, strategy

    training, sparsity = config.training, config.sparsity
    task = tasks.of(config)
    phase = phase_of(config)
    length = recipe.length(phase, examples.steps_per_epoch(training.batch_size))
    with recipe.precision(training.mixed_precision):
        model = task.build(config, examples)  # on one device, whatever the strategy
        objective = task.objective(training.label_smoothing)
        recipe.compile_model(model, phase, training, length, objective)
        pruner = sparsity.pruner(length.total_steps, config.seed)
        masks = 0
        if pruner is not None:
            slots = len(pruner.score.slots) + len(pruner.method.slots)
            masks = sum(row.size for row in summary.layers if row.prunable) * (1 + 4 * slots)
        share = training.part_size // strategy.replicas(config.strategy)
        shapes = config.dataset.largest_batch(share, examples.input_shape)
        return memory.of_step(model, shapes, masks)


def shown(memory: "Memory", config: Config) -> str:
    """Lines for a person."""
    from harness.training import strategy

    devices = strategy.replicas(config.strategy)
    shared = f" on each of {devices} devices" if devices > 1 else ""
    examples = config.training.part_size // devices
    parts = {
        "weights": memory.weights,
        "optimizer": memory.optimizer,
        "masks": memory.masks,
        "activations and gradients": memory.activations,
        "together": memory.total,
    }
    lines = [f"memory of a training step of {examples} examples{shared}, GB"]
    for name, size in parts.items():
        value = "not known: its graph does not tell" if size is None else f"{size / 1e9:8.3f}"
        lines.append(f"  {name:26}{value}")
    lines += [f"  left out: {what}" for what in memory.left_out]
    if memory.total is not None:
        lines.append(f"  {card_for(memory.total)}")
    return "\n".join(lines)


def card_for(total: int) -> str:
    """Which cards have so many bytes, in words."""
    fitting = [str(card) for card in CARDS if total <= card * 1e9 * _USABLE]
    if not fitting:
        return f"fits no card of {', '.join(map(str, CARDS))} GB; gradient_accumulation takes less"
    return f"fits cards of {', '.join(fitting)} GB"
