"""A trained model without its dead channels, in its place."""

from typing import Any


def smaller(model: Any, inputs: Any) -> tuple[Any, dict[str, Any], str]:
    """Takes dead channels out of a model.

    Args:
        model: trained.
        inputs: real examples, to see that it does what it did.

    Returns:
        The smaller model, of Keras' own layers; what became of it, by name, each before and after
        (parameters, multiply-adds of one example where every layer can be counted); and that as
        a line.

    Raises:
        PruningError: nothing can be taken out.
    """
    from harness.models.layers.multiply_adds import count
    from harness.models.layers.plain import plain
    from harness.pruning import shrink

    model = plain(model)
    found = shrink(model, inputs)
    told: dict[str, Any] = {
        "channels": [found.channels, found.channels - found.removed],
        "parameters": [found.parameters, found.model.count_params()],
    }
    counts = [count(one) for one in (model, found.model)]
    if not any(one.uncounted for one in counts):
        told["multiply_adds"] = [one.dense for one in counts]
    changes = [
        f"{name.replace('_', '-')} {before:,} -> {after:,}"
        for name, (before, after) in told.items()
    ]
    return found.model, told, f"shrunk: {', '.join(changes)}"
