"""What of a grid fits a page of LaTeX: parts of its columns, and of its lines."""

from collections.abc import Iterator
from dataclasses import replace
from textwrap import wrap
from typing import NamedTuple

from harness.errors import one_line
from harness.report.grid import Column, Grid, Place

#: Width of the text on A4 with margins of 2 cm, points.
ROOM = 480.0
#: Between two columns, points; half of it is LaTeX's `\\tabcolsep`.
GAP = 6.0
#: Lines of text that a page holds of a grid, below the caption.
_TALL = 40
#: Letters a line of a name; of a heading's part.
_NAME, _HEADING = 30, 12


class Size(NamedTuple):
    """A size of type: LaTeX's name, points, and how much wider than its tenth the font is set."""

    name: str
    points: float
    wider: float


#: The larger one where a whole grid fits in it. Widths of cmr8 and cmr7 beside cmr10's.
SIZES = (Size(r"\footnotesize", 8.0, 1.06), Size(r"\scriptsize", 7.0, 1.14))


def parts(grid: Grid) -> Iterator[tuple[Size, Grid]]:
    """A grid in as many parts as it needs pages, beside one another first.

    Names are repeated in each, that of a model only where it changes; a column that is too wide by
    itself stays so.
    """
    grid = _merged(grid) if grid.left > 1 else grid
    for size in SIZES:
        widths = [_column_width(grid, i, size) for i in range(len(grid.columns))]
        if sum(widths) - GAP <= ROOM:
            break
    for beside in _columns(grid, widths):
        for part in _lines(beside):
            yield size, part


def pieces(place: Place | None, *, is_name: bool) -> list[str]:
    """What stands in a place, a line each; long names take several."""
    if place is None:
        return [""]
    each = [place.text, *place.below]
    return [line for text in each for line in words(text, _NAME)] if is_name else each


def words(text: str, width: int = _HEADING) -> list[str]:
    """Breaks a heading into lines of about so many signs."""
    return wrap(one_line(text), width, break_long_words=False, break_on_hyphens=False) or [""]


def spans(columns: tuple[Column, ...]) -> list[tuple[int, int, str]]:
    """First column, width and name of each group; of each column outside of groups, too."""
    found: list[tuple[int, int, str]] = []
    for i, column in enumerate(columns):
        if found and column.group and found[-1][2] == column.group:
            found[-1] = (found[-1][0], found[-1][1] + 1, column.group)
        else:
            found.append((i, 1, column.group))
    return found


def _merged(grid: Grid) -> Grid:
    """Has lines of the same first name share it."""
    lines, last = [], None
    for name, *rest in grid.lines:
        lines.append((None if name == last else name, *rest))
        last = name or last
    return replace(grid, lines=tuple(lines))


def _columns(grid: Grid, widths: list[float]) -> Iterator[Grid]:
    names = list(range(grid.left))
    chosen = names.copy()
    for first, count, _ in spans(grid.columns):
        group = [i for i in range(first, first + count) if i >= grid.left]
        if len(chosen) > grid.left and sum(widths[i] for i in [*chosen, *group]) - GAP > ROOM:
            yield _only(grid, chosen)
            chosen = names.copy()
        chosen += group
    yield _only(grid, chosen)


def _only(grid: Grid, chosen: list[int]) -> Grid:
    return replace(
        grid,
        columns=tuple(grid.columns[i] for i in chosen),
        lines=tuple(tuple(line[i] for i in chosen) for line in grid.lines),
    )


def _lines(grid: Grid) -> Iterator[Grid]:
    part: list[tuple[Place | None, ...]] = []
    above: tuple[Place | None, ...] = (None,) * len(grid.columns)
    room = _TALL
    for line in grid.lines:
        above = tuple(place or merged for place, merged in zip(line, above, strict=True))
        height = max(len(pieces(p, is_name=i < grid.left)) for i, p in enumerate(line))
        if height > room and part:
            yield replace(grid, lines=tuple(part))
            part, room, line = [], _TALL, above  # a merged cell goes on in the next part
        part.append(line)
        room -= height
    yield replace(grid, lines=tuple(part))


def _column_width(grid: Grid, i: int, size: Size) -> float:
    """About how wide a column is, with the gap beside it, points."""
    texts = words(grid.columns[i].text)
    for line in grid.lines:
        texts += pieces(line[i], is_name=i < grid.left)
    return GAP + size.points * size.wider * max(sum(map(_em, text)) for text in texts)


def _em(sign: str) -> float:
    """About how wide a sign of cmr10 is, in parts of its size; rather more than less."""
    if sign in "iljfI.,:;'|![] -":
        return 0.34
    if sign in "cerstz()":
        return 0.45
    if sign in "mwMW%±×−+=<>@&":
        return 0.83
    return 0.74 if sign.isupper() else 0.54
