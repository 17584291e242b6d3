"""What plots tell the rows of a table by: what the name of a sparsity says."""

import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

#: The columns that `tell` adds.
_TOLD = {"family", "nominal", "reached", "name"}


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
        share = amount(sparsity).rstrip("%")
        return float(share) if share.replace(".", "", 1).isdecimal() else None
    kept, _, rest = sparsity.partition(" by ")
    of = rest.partition(" ")[0]
    if not (kept.isdecimal() and of.isdecimal() and int(of)):
        return None
    return 100 * (1 - int(kept) / int(of))


def sparse(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the measured sparse rows of a frame, with what plots tell them by.

    `family` is a sparsity's name without its amount, with the variant where others of the family
    have none (which tells a few from most), `nominal` the share of zeros that the
    name promises and `reached` that of the prunable weights, both in %, `name` the whole name.
    """
    told = tell(frame)
    return told[_is_sparse(told)]


def kinds(told: pd.DataFrame) -> list[str]:
    """The families of the measured sparse rows of a frame from `tell`, or of a part of one."""
    return list(dict.fromkeys(told.loc[_is_sparse(told), "family"]))


def _is_sparse(told: pd.DataFrame) -> "pd.Series[bool]":
    measured = told["mean"].notna() & told["sparsity_prunable"].notna()
    return measured & ~told["sparsity"].isin(["dense", "control"])


def tell(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns a frame with the columns that `sparse` names; no variant is an empty text.

    One that has them, as what is drawn in several plots, stays as it is.
    """
    if set(frame) >= _TOLD:
        return frame
    variant = frame["variant"].map(lambda text: text if isinstance(text, str) else "")
    kind = frame["sparsity"].map(family)
    plain = (variant == "").groupby([frame["model"], kind]).transform("any")
    return frame.assign(
        variant=variant,
        family=kind + (", " + variant.map(_short)).where(plain & (variant != ""), ""),
        nominal=pd.to_numeric(frame["sparsity"].map(nominal)),
        reached=100 * pd.to_numeric(frame["sparsity_prunable"]).fillna(0.0),
        name=row_name(frame.assign(variant=variant)),
    )


def _short(variant: str) -> str:
    """A variant by the ends of its keys: `sparsity.schedule.end=0.8` -> `schedule.end=0.8`."""
    return " ".join(re.sub(r"^.*\.(?=\w+\.\w+=)", "", each) for each in variant.split(" "))


def row_name(frame: pd.DataFrame) -> "pd.Series[str]":
    """The names of a frame's rows: the sparsity and, where there is one, the variant."""
    return frame["sparsity"] + frame["variant"].map(lambda text: f" ({text})" if text else "")


def lines(frame: pd.DataFrame, *columns: str) -> Iterator[Any]:
    """Returns the lines of a frame, its attributes some of the hundred columns that a table has."""
    return iter(frame[list(dict.fromkeys(columns))].itertuples(index=False))


def alike(frame: pd.DataFrame, values: list[str]) -> dict[str, pd.DataFrame]:
    """Returns what is drawn of several rows of a table, each told by the frame's `name`.

    Rows of equal numbers would cover one another: they share a mark, whose name counts them.

    Args:
        frame: Several lines a `name`, in their order.
        values: The columns that make two of them equal.
    """
    found: dict[tuple[Any, ...], list[str]] = {}
    parts = {str(name): rows for name, rows in frame.groupby("name", sort=False)}
    for name, rows in parts.items():
        key = tuple(rows[values].itertuples(index=False, name=None))
        found.setdefault(key, []).append(name)
    return {
        name + (f", and {len(others)} alike" if others else ""): parts[name]
        for name, *others in found.values()
    }
