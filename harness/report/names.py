"""What tables call sparsities, and rows that share a name."""

from collections.abc import Mapping
from typing import Any


def sparsity_label(name: str, target: float | None) -> str:
    """Names a sparsity the way the tables do.

    Args:
        name: The config's name: dense, random, structured_2x4, block_1x4, …
        target: The fraction of prunable weights set to zero; None where the name says it.

    Example:
        >>> sparsity_label("random", 0.875), sparsity_label("structured_2x4", None)
        ('random 87.5%', '2 by 4')
    """
    words = name.removeprefix("structured_").replace("x", " by ") if "_" in name else name
    words = words.replace("_", " ")
    return words if target is None else f"{words} {target * 100:.6g}%"


def label_of(params: Mapping[str, Any]) -> str:
    """Names the sparsity of a cell by its flattened configuration.

    What a pattern keeps says it better than the group's name, which an override of the
    pattern leaves as it was.
    """
    name, target = str(params["sparsity.name"]), params.get("sparsity.target")
    kind = params.get("sparsity.pattern.kind")
    if kind == "n_m":
        name = f"structured_{params['sparsity.pattern.n']}x{params['sparsity.pattern.m']}"
        target = None
    elif kind == "none":
        name, target = "dense", None
    elif kind == "block" and (shape := _whole_numbers(params.get("sparsity.pattern.shape"))):
        outputs_by_inputs = "x".join(map(str, reversed(shape)))  # the config lists inputs first
        name = f"block_{outputs_by_inputs}"
    is_unset = target is None or str(target) in ("", "None")
    return sparsity_label(name, None if is_unset else float(str(target)))


def _whole_numbers(value: Any) -> list[int]:
    parts = str(value or "").strip("[]()").split(",")
    return [int(part) for part in parts] if all(p.strip().isdecimal() for p in parts) else []


def family(sparsity: str) -> str:
    """Returns a sparsity's name without its amount: `random 50%` -> `random`."""
    return sparsity.rpartition(" ")[0] if sparsity.endswith("%") else sparsity


def amount(sparsity: str) -> str:
    """Returns the amount in a sparsity's name, or the whole name: `random 50%` -> `50%`."""
    return sparsity.rpartition(" ")[2] if sparsity.endswith("%") else sparsity


def nominal(sparsity: str) -> float | None:
    """The share of zeros that a sparsity's name promises, in %; None where it says none.

    Example:
        >>> nominal("random 87.5%"), nominal("2 by 4"), nominal("dense")
        (87.5, 50.0, 0.0)
    """
    if sparsity == "dense":
        return 0.0
    if sparsity.endswith("%"):
        return float(amount(sparsity).rstrip("%"))
    kept, _, of = sparsity.partition(" by ")
    return 100 * (1 - int(kept) / int(of)) if kept.isdecimal() and of.isdecimal() else None
