"""The grid of a table's files: what each format weighs, a line a file of each row of cells."""

from harness import metrics
from harness.report.entries import Entry
from harness.report.grid import NOT_APPLICABLE, NOT_AVAILABLE, Column, Grid, Place, number
from harness.report.tables import Table


def files_grid(table: Table) -> Grid:
    """Each file's bytes as they are and compressed; without lines where nobody logged any."""
    varied = any(entry.spec.variant for entry in table.entries)
    names = ["model", "sparsity", *(["variant"] if varied else []), "file"]
    lines = []
    for place, entry in enumerate(table.entries):
        spec = entry.spec
        told = [spec.model, spec.sparsity, *([spec.variant or NOT_APPLICABLE] if varied else [])]
        named = [Place(each, "name", entry=place) for each in told]
        for kind in entry.kinds:
            places = [_weight(entry, metrics.size(kind, end), place) for end in metrics.WEIGHTS]
            if any(each.kind == "measured" for each in places):
                lines.append((*named, Place(kind, "name", entry=place), *places))
    columns = (*names, *metrics.WEIGHTS.values())
    return Grid(
        "files",
        "Bytes of each file, as it is and compressed",
        tuple(Column(heading) for heading in columns),
        tuple(lines),
        left=len(names),
    )


def _weight(entry: Entry, name: str, place: int) -> Place:
    """A number of bytes; not one that is another file's (`Entry.files`)."""
    value = None if name in entry.files else entry.values.get(name)
    text = number(value, 0)
    return Place(text, "none" if text == NOT_AVAILABLE else "measured", entry=place)
