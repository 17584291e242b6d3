"""Names beside points, where none covers another or a point; and axes that show what can be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from harness.plots.style import INK, RULE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE, _RULE, _ASIDE = 8, 0.8, 8  # points
#: Where a name may stand beside its point, in points; the first free place is taken.
_PLACES = ((6, 5), (6, -11), (-6, 5), (-6, -11), (6, 15), (6, -21), (-6, 15), (-6, -21))
_Box = tuple[float, float, float, float]


def name_points(
    axes: Axes, points: Sequence[tuple[float, float, str]], halves: Iterable[float] = ()
) -> None:
    """Writes names beside points; call it when axes have their limits and scales.

    Args:
        axes: Where to.
        points: `(x, y, name)`; a point with an empty name is only kept clear of others' names.
        halves: Half of each one's bar, if there are any, which names are kept clear of, too.
    """
    pixel = axes.figure.dpi / 72 if axes.figure else 1.0
    centres = [axes.transData.transform((x, y)) for x, y, _ in points]
    taken: list[_Box] = [(x - 4, y - 4, x + 4, y + 4) for x, y in centres]
    for (x, y, _), half in zip(points, halves, strict=False):
        ends = [axes.transData.transform((x, end)) for end in (y - half, y + half)]
        taken.append((ends[0][0] - 4, ends[0][1] - 2, ends[1][0] + 4, ends[1][1] + 2))
    taken += _around(axes)
    for (x, y, name), centre in zip(points, centres, strict=True):
        if not name:
            continue
        boxes = [_box(centre, place, name, pixel) for place in _PLACES]
        costs = [sum(_overlap(box, other) for other in taken) for box in boxes]
        best = costs.index(min(costs))
        taken.append(boxes[best])
        dx, dy = _PLACES[best]
        axes.annotate(
            name,
            (x, y),
            xytext=(dx, dy),
            textcoords="offset points",
            ha="left" if dx > 0 else "right",
            fontsize=_SIZE,
            color=INK,
            parse_math=False,
            in_layout=False,  # it stands over the axes
        )


def name_lines(axes: Axes, names: Sequence[str]) -> None:
    """Names the lines at 0, 1, … of an axis of quality, as ticks would in four times the time.

    Args:
        axes: Where to.
        names: Of the lines.
    """
    from matplotlib.transforms import ScaledTranslation

    axes.set_yticks([])
    where = axes.get_yaxis_transform()  # across in parts of the axes
    beside = where + ScaledTranslation(-_ASIDE / 72, 0, axes.figure.dpi_scale_trans)
    axes.hlines(range(len(names)), 0, 1, transform=where, color=RULE, lw=_RULE, zorder=0.5)
    for number, name in enumerate(names):
        axes.text(
            0,
            number,
            name,
            transform=beside,
            ha="right",
            va="center_baseline",
            fontsize=_SIZE,
            parse_math=False,
        )


def _box(centre: Any, place: tuple[int, int], name: str, pixel: float) -> _Box:
    """About where a name would be: letters are 0.6 of their size wide."""
    width, height = 0.6 * _SIZE * len(name) * pixel, _SIZE * pixel
    x, y = centre[0] + place[0] * pixel, centre[1] + place[1] * pixel
    left = x if place[0] > 0 else x - width
    return left, y, left + width, y + height


def _around(axes: Axes) -> list[_Box]:
    """What lies around axes: numbers, a title, a legend."""
    inner, far = axes.bbox, 1e4
    return [
        (-far, -far, inner.x0, far),
        (inner.x1, -far, far, far),
        (inner.x0, -far, inner.x1, inner.y0),
        (inner.x0, inner.y1, inner.x1, far),
    ]


def _overlap(one: _Box, other: _Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)


def keep_possible(axes: Axes, rows: pd.DataFrame) -> None:
    """Ends the axis of quality where quality ends: at 0, and for shares at 100 %."""
    low, high = axes.get_ylim()
    top = 100.0 if (rows["unit"] == "%").all() else high
    end = top + 0.02 * (top - max(low, 0.0)) if high > top else high
    axes.set_ylim(max(low, 0.0), end)
