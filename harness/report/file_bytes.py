"""The grid of a table's files: what each weighs and keeps, a line a file of each row of cells."""

from harness import metrics
from harness.report.entries import LEAST, Entry
from harness.report.grid import (
    FEWER,
    NOT_APPLICABLE,
    NOT_AVAILABLE,
    Column,
    Grid,
    Place,
    number,
)
from harness.report.tables import Table

_ZEROS = "zeros"


def files_grid(table: Table) -> Grid:
    """Each file's bytes as they are and compressed; without lines where nobody logged any."""
    varied = any(entry.spec.variant for entry in table.entries)
    keeps = any(metrics.size(k, _ZEROS) in e.values for e in table.entries for k in e.kinds)
    names = ["model", "sparsity", *(["variant"] if varied else []), "file"]
    lines = []
    for place, entry in enumerate(table.entries):
        spec = entry.spec
        told = [spec.model, spec.sparsity, *([spec.variant or NOT_APPLICABLE] if varied else [])]
        named = [Place(each, "name", entry=place) for each in told]
        for kind in entry.kinds:
            places = [_weight(entry, metrics.size(kind, end), place) for end in metrics.WEIGHTS]
            if any(each.kind == "measured" for each in places):
                places.append(_smaller(entry, kind, place))
                if keeps:
                    places.append(_zeros(entry, kind, place))
                lines.append((*named, Place(kind, "name", entry=place), *places))
    columns = [*names, *metrics.WEIGHTS.values(), "× smaller than dense"]
    if keeps:
        columns.append("zeros kept (%)")
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
    if value is None:
        return Place(NOT_AVAILABLE, "none", entry=place)
    return Place(number(value, 0) + FEWER * (name in entry.fewer), entry=place)


def _smaller(entry: Entry, kind: str, place: int) -> Place:
    """By whichever compression serves the file best, than the dense float32 file by gzip."""
    least = metrics.size(kind, LEAST)
    ratio = entry.reductions.get(least)
    if ratio is None:
        return Place(NOT_AVAILABLE, "none", entry=place)
    return Place(f"{ratio:.2f}×" + FEWER * (least in entry.fewer), entry=place)


def _zeros(entry: Entry, kind: str, place: int) -> Place:
    """The share of zeros among the file's kernels; not of every format are they counted."""
    name = metrics.size(kind, _ZEROS)
    share = entry.values.get(name)
    if share is None:
        return Place(NOT_APPLICABLE, "none", entry=place)
    return Place(number(100 * share, 2) + FEWER * (name in entry.fewer), entry=place)
