"""What a table shows: its rows, which runs belong to each, and how a page lays them out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.metrics import Metric, find
from harness.report.escape import file_name

ACCURACY = find("test/accuracy")
BLEU = find("test/bleu")


@dataclass(frozen=True)
class RowSpec:
    """Cells that differ in nothing but the seed: one number of the table, with its interval.

    Attributes:
        model: The model as the table names it: by what it is.
        sparsity: The sparsity as the table names it (`dense`, `random 50%`, `2 by 4`);
            joins `column` of the published values.
        where: Flattened configuration, such as `{"sparsity.target": "0.5"}`, that a run's
            logged parameters must have to belong here.
        seeds: The seeds that the sweep plans; empty accepts and counts any.
        variant: What tells this row from others of the same model and sparsity, such as
            `training.finetune.epochs=3`; empty where nothing has to.
        guide: The guide's name for the model, which joins `row` of the published values; empty
            where the table calls it so, too.
    """

    model: str
    sparsity: str
    where: Mapping[str, str]
    seeds: tuple[int, ...] = ()
    variant: str = ""
    guide: str = ""

    @property
    def published_row(self) -> str:
        """Under which name the model is among the published values."""
        return self.guide or self.model

    @property
    def is_dense(self) -> bool:
        """Whether this is a dense baseline, with nothing to be compared to."""
        return self.sparsity == "dense"

    @property
    def is_control(self) -> bool:
        """Whether this is a control: the dense baseline, fine-tuned like the sparse cells."""
        return self.sparsity == "control"

    @property
    def name(self) -> str:
        """The sparsity, and the variant where there is one."""
        return f"{self.sparsity} ({self.variant})" if self.variant else self.sparsity


@dataclass(frozen=True)
class PageColumn:
    """A column of a page layout: the rows of one family, one under the other.

    `family` is a sparsity's name without its amount (`dense`, `random`, `2 by 4`).
    `sparsity_heading` adds a column that says each one's sparsity. A column whose heading
    names a sparsity takes that one `only`.
    """

    heading: str
    family: str
    sparsity_heading: str | None = None
    only: str | None = None


@dataclass(frozen=True)
class TableSpec:
    """One table.

    Attributes:
        name: The table's own, that of its sweep.
        title: The heading.
        scale: `small` or `full`; runs of another scale are not shown.
        rows: The rows, in the order shown.
        quality: What is compared.
        published: The published values to join: a name under `results/published`, or None.
        page: The columns of the page layout; empty shows the plain table alone.
        source: Where the published table is to be read (URL), or empty.
        command: What runs its cells, or empty.
        experiment: The MLflow experiment that holds the runs; empty for that of its name.
        tuned: What the recipes were chosen with, in a sentence; empty where nobody said.
    """

    name: str
    title: str
    scale: str
    rows: tuple[RowSpec, ...]
    quality: Metric = ACCURACY
    published: str | None = None
    page: tuple[PageColumn, ...] = field(default=())
    source: str = ""
    command: str = ""
    experiment: str = ""
    tuned: str = ""

    @property
    def folder(self) -> str:
        """The folder of its files: its name, without what no folder's name may have."""
        return file_name(self.name)

    @property
    def reads(self) -> str:
        """The experiment whose runs the table shows."""
        return self.experiment or self.name
