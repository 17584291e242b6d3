"""What tables call the sparsities of logged cells, and what such a name says."""

from collections.abc import Mapping
from typing import Any


def label_of(params: Mapping[str, Any]) -> str:
    """The sparsity of a cell in words, as its run has it among its parameters."""
    return str(params["sparsity.label"])


def family(sparsity: str) -> str:
    """Returns a sparsity's name without its amount: `random 50%` -> `random`."""
    return sparsity.rpartition(" ")[0] if sparsity.endswith("%") else sparsity


def amount(sparsity: str) -> str:
    """Returns the amount in a sparsity's name, or the whole name: `random 50%` -> `50%`."""
    return sparsity.rpartition(" ")[2] if sparsity.endswith("%") else sparsity


def nominal(sparsity: str) -> float | None:
    """The share of zeros that a sparsity's name promises, in %; None where it says none.

    Example:
        >>> nominal("random 87.5%"), nominal("2 by 4 SR-STE"), nominal("dense")
        (87.5, 50.0, 0.0)
    """
    if sparsity == "dense":
        return 0.0
    if sparsity.endswith("%"):
        return float(amount(sparsity).rstrip("%"))
    kept, _, rest = sparsity.partition(" by ")
    of = rest.partition(" ")[0]
    return 100 * (1 - int(kept) / int(of)) if kept.isdecimal() and of.isdecimal() else None
