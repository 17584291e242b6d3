"""What tables call the sparsities of logged cells, and what such a name says."""

from collections.abc import Mapping
from typing import Any

from harness.config.wording import cell_label


def label_of(params: Mapping[str, Any]) -> str:
    """Names the sparsity of a cell by its flattened configuration, whole or in part."""
    return cell_label(
        str(params["sparsity.name"]),
        kind=_text(params.get("sparsity.pattern.kind")),
        target=None if (text := _text(params.get("sparsity.target"))) is None else float(text),
        n_of_m=(params.get("sparsity.pattern.n"), params.get("sparsity.pattern.m")),
        shape=_whole_numbers(params.get("sparsity.pattern.shape")),
        score=str(params.get("sparsity.score")),
        method=_text(params.get("sparsity.method.kind")),
    )


def _text(value: Any) -> str | None:
    return None if value is None or str(value) in ("", "None") else str(value)


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
