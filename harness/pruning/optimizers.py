"""What a pruner needs to know of an optimizer, through the shells that Keras puts around one.

A `LossScaleOptimizer` holds one `inner_optimizer`, a `MultiOptimizer` several `optimizers`, each
for some of the variables. A *member* is an optimizer that updates variables itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from harness.pruning.errors import PruningError
from harness.pruning.state import local


def unscaled(optimizer: Any) -> Any:
    """An optimizer without its loss-scaling shells: gradients that it is given are unscaled."""
    while (inner := getattr(optimizer, "inner_optimizer", None)) is not None:
        optimizer = inner
    return optimizer


def members(optimizer: Any) -> list[Any]:
    """The optimizers inside; of a plain one, itself; of None, nothing."""
    inside = unscaled(optimizer)
    return [] if inside is None else list(getattr(inside, "optimizers", None) or [inside])


def member_of(optimizer: Any, variable: Any) -> Any:
    """The member that updates a variable; None if none does, or none is built yet."""
    for member in members(optimizer):
        known = getattr(member, "_trainable_variables_indices", None)
        if known and member._var_key(variable) in known:
            return member
    return None


def _members_of(optimizer: Any, variables: Iterable[Any]) -> list[Any]:
    """The members that update any of the variables; before they are built, the only one if so."""
    found = {id(m): m for v in variables if (m := member_of(optimizer, v)) is not None}
    every = members(optimizer)
    return list(found.values()) or (every if len(every) == 1 else [])


def accumulation(optimizer: Any, variables: Iterable[Any]) -> int:
    """Batches per update of the variables; 1 before it is known which members those are.

    Raises:
        PruningError: members that update some of the variables disagree.
    """
    counts = {
        member.name: getattr(member, "gradient_accumulation_steps", None) or 1
        for member in _members_of(optimizer, variables)
    }
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise PruningError(
            "the optimizers of the pruned weights accumulate different numbers of batches "
            f"({listed}), so there is no one step to count: give them the same "
            "gradient_accumulation_steps, or prune their weights with a Pruner each."
        )
    return max(counts.values(), default=1)


def updates(optimizer: Any, variables: Iterable[Any]) -> int | None:
    """Updates of the variables so far, as the optimizer counts them; None without one."""
    counting = next(iter(_members_of(optimizer, variables)), optimizer)
    counted = getattr(counting, "iterations", None)
    return None if counted is None else int(local(getattr(counted, "_value", counted)))


def average_of(optimizer: Any, variable: Any) -> Any:
    """The moving average of a variable that `use_ema` keeps; None if there is none."""
    member = member_of(optimizer, variable)
    if member is None or not getattr(member, "use_ema", False):
        return None
    averages = getattr(member, "_model_variables_moving_average", None)
    return averages[member._get_variable_index(variable)] if averages else None


def moments_of(optimizer: Any, variable: Any) -> Iterator[tuple[Any, float]]:
    """What an optimizer has learned about each element of a variable.

    Those are its slots of the variable's shape: momenta, velocities, accumulators, whatever
    the optimizer. What is shared by rows or columns (Adafactor's factors) is none of one element.

    Yields:
        `(slot, fresh)`: the optimizer's variable, and the value it begins with.
    """
    member = member_of(optimizer, variable)
    if member is None:
        return
    place, count = member._get_variable_index(variable), len(member._trainable_variables)
    for name, slots in vars(member).items():
        if not isinstance(slots, list) or len(slots) != count or name in _NO_MOMENTS:
            continue
        slot = slots[place]
        if slot is not None and tuple(slot.shape) == tuple(variable.shape):
            # Adagrad's and Ftrl's sums of squares do not begin at zero.
            begins = getattr(member, "initial_accumulator_value", 0.0)
            yield slot, begins if name == "_accumulators" else 0.0


_NO_MOMENTS = ("_trainable_variables", "_model_variables_moving_average", "_variables")
