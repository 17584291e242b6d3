"""What `harness export` prints of the files it wrote: a line a format, beside dense and entropy."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness import metrics
from harness.cell.shipping import BOUND

if TYPE_CHECKING:
    from harness.cell.shipping import Shipped
    from harness.config import Config

_DENSE = "tflite"


def table(config: "Config", shipped: "Shipped", dense: Mapping[str, float]) -> str:
    """The files with their bytes, how many times smaller than dense, and their own scores.

    Args:
        config: the cell.
        shipped: the files; `BOUND` is among the metrics.
        dense: metrics of the dense baseline's run; empty where it is not known.
    """
    from harness import tasks

    quality = tasks.of(config).quality.partition("/")[2]
    scored = {each.kind: each.scored for each in config.export.chosen()}
    named, against = _against(dense)
    bound = shipped.metrics[BOUND]
    rows: list[list[str]] = [["format", *metrics.WEIGHTS.values(), "× dense", "/ entropy", quality]]
    for kind in ("keras", *scored):
        found = [shipped.metrics.get(metrics.size(kind, end)) for end in metrics.WEIGHTS]
        sizes = [size for size in found if size is not None]
        if not sizes:
            continue
        score = shipped.metrics.get(f"{scored.get(kind, 'test')}/{quality}")
        rows.append(
            [
                kind,
                *("-" if size is None else f"{size:,.0f}" for size in found),
                "-" if against is None else f"{against / min(sizes):.2f}×",
                f"{min(sizes) / bound:.2f}",
                "-" if score is None else f"{score:.4f}",
            ]
        )
    lines = _aligned(rows)
    smaller = "" if against is None else f", {against / bound:.2f}× smaller than dense"
    lines += [f"entropy of masks and 8-bit values, an estimate: {bound:,.0f} bytes{smaller}"]
    lines += [f"dense: {named}"]
    return "\n".join(lines)


def _against(dense: Mapping[str, float]) -> tuple[str, float | None]:
    """The file that sizes are compared with, in words, and its bytes."""
    metric = metrics.find(metrics.size(_DENSE, "gzip_bytes"))
    for name in (metric.name, metric.instead):
        if name in dense:
            file = metrics.find(name).file
            return f"{file} of the dense baseline by gzip, {dense[name]:,.0f} bytes", dense[name]
    return "the dense baseline's run is not known, so nothing is compared with it", None


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
