"""What a table shows: its rows, which runs belong to each, and how a page lays them out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from harness.config.sparsity import N_OF_M
from harness.config.wording import group, technique

#: Configuration that does not decide which row of a table a run belongs to: where things
#: lie and how they are watched, and the seed, over which a row is averaged.
_NOT_OF_A_ROW = (
    "seed",
    "scale",
    "work_dir",
    "dataset.data_dir",
    "training.log_every",
    "training.checkpoint_epochs",
    "tracking.",
    "strategy.",
    "export.",
)


@dataclass(frozen=True)
class Quality:
    """The measure of quality that a table compares.

    `factor` brings the logged metric to the `unit` shown: 100 for a fraction shown in %.
    """

    metric: str = "test/accuracy"
    name: str = "accuracy"
    unit: str = "%"
    factor: float = 100.0


ACCURACY = Quality()
BLEU = Quality(metric="test/bleu", name="BLEU", unit="", factor=1.0)


@dataclass(frozen=True)
class RowSpec:
    """Cells that differ in nothing but the seed: one number of the table, with its interval.

    Attributes:
        model: The model as the table names it; joins `row` of the published values.
        sparsity: The sparsity as the table names it (`dense`, `random 50%`, `2 by 4`);
            joins `column` of the published values.
        where: Flattened configuration, such as `{"sparsity.target": "0.5"}`, that a run's
            logged parameters must have to belong here.
        seeds: The seeds that the sweep plans; empty accepts and counts any.
    """

    model: str
    sparsity: str
    where: Mapping[str, str]
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True)
class PageColumn:
    """A column of a page layout: the rows of one family, one under the other.

    `family` is a sparsity's name without its amount (`dense`, `random`, `2 by 4`).
    `sparsity_heading` adds a column that says each one's sparsity.
    """

    heading: str
    family: str
    sparsity_heading: str | None = None


@dataclass(frozen=True)
class TableSpec:
    """One table.

    Attributes:
        name: The MLflow experiment that holds the runs, and the sweep that makes them.
        title: The heading.
        scale: `small` or `full`; runs of another scale are not shown.
        rows: The rows, in the order shown.
        quality: What is compared.
        published: The published values to join: a name under `results/published`, or None.
        page: The columns of the page layout; empty shows the plain table alone.
        source: Where the published table is to be read (URL), or empty.
    """

    name: str
    title: str
    scale: str
    rows: tuple[RowSpec, ...]
    quality: Quality = ACCURACY
    published: str | None = None
    page: tuple[PageColumn, ...] = field(default=())
    source: str = ""


def family(sparsity: str) -> str:
    """Returns a sparsity's name without its amount: `random 50%` -> `random`."""
    return sparsity.rpartition(" ")[0] if sparsity.endswith("%") else sparsity


def amount(sparsity: str) -> str:
    """Returns the amount in a sparsity's name, or the whole name: `random 50%` -> `50%`."""
    return sparsity.rpartition(" ")[2] if sparsity.endswith("%") else sparsity


def sparsity_label(name: str, target: float | None, technique: str = "") -> str:
    """Names a sparsity the way the tables do.

    Args:
        name: The config's name: dense, random, structured_2x4, block_1x4, …
        target: The fraction of prunable weights set to zero; None where the name says it.
        technique: What goes beyond masks by magnitude, in words (`harness.config.wording`).

    Example:
        >>> sparsity_label("random", 0.875), sparsity_label("structured_2x4", None, "SR-STE")
        ('random 87.5%', '2 by 4 SR-STE')
    """
    words = name.removeprefix("structured_").replace("x", " by ") if "_" in name else name
    words = f"{words.replace('_', ' ')} {technique}".rstrip()
    return words if target is None else f"{words} {target * 100:.6g}%"


def rows_from_cells(
    cells: Iterable[tuple[Mapping[str, Any], int]], labels: Mapping[str, str] | None = None
) -> tuple[RowSpec, ...]:
    """Makes a table's rows from the cells of a sweep, merging those that differ in the seed.

    Args:
        cells: The flattened configuration of each cell (at least `model.name`,
            `sparsity.name`, and `sparsity.target` where there is one), and its seed.
        labels: Config name of a model -> its name in the table, where they differ.

    Returns:
        The rows, in the order in which the sweep first names them.
    """
    rows: dict[tuple[tuple[str, str], ...], RowSpec] = {}
    for params, seed in cells:
        where = {k: str(v) for k, v in params.items() if not k.startswith(_NOT_OF_A_ROW)}
        key = tuple(sorted(where.items()))
        if key in rows:
            seeds = dict.fromkeys((*rows[key].seeds, seed))
            rows[key] = replace(rows[key], seeds=tuple(seeds))
            continue
        model, name = str(params["model.name"]), str(params["sparsity.name"])
        target = params.get("sparsity.target")
        words = _technique(params)
        name = group(name, words)
        if params.get("sparsity.pattern.kind") in N_OF_M:  # says it better than the group's name
            name = f"structured_{params['sparsity.pattern.n']}x{params['sparsity.pattern.m']}"
            target = None
        rows[key] = RowSpec(
            model=(labels or {}).get(model, model),
            sparsity=sparsity_label(name, None if target is None else float(target), words),
            where=where,
            seeds=(seed,),
        )
    return tuple(rows.values())


def _technique(params: Mapping[str, Any]) -> str:
    kind = str(params.get("sparsity.pattern.kind"))
    return technique(kind, str(params.get("sparsity.score")), params.get("sparsity.method.kind"))
