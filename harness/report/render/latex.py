"""A table's grids as LaTeX tables (booktabs)."""

from dataclasses import replace

from harness.errors import one_line
from harness.report.escape import escape_latex
from harness.report.grid import Column, Grid, Place
from harness.report.layout import grids
from harness.report.render.caption import caption
from harness.report.tables import Table

#: Grids wider than this are set smaller, with less between the columns.
_WIDE = 7
#: Lines of text that a page holds of a grid, below the caption.
_TALL = 40


def to_latex(table: Table) -> str:
    """Draws a LaTeX table a grid, to be `\\input` by a document that loads booktabs.

    The caption is said once, as a command that each grid's uses. Headings and cells are stacked
    rather than long, so that a grid fits the text width of an article; merged cells stand on
    their first line.
    """
    said = f"{_command(table.spec.name)}}}{{{escape_latex(caption(table))}}}"
    head = f"% needs \\usepackage{{booktabs}}\n\\newcommand{{{said}"
    parts = [_table(table, part, number) for grid in grids(table) for number, part in _parts(grid)]
    return "\n\n".join([head, *parts]) + "\n"


def _parts(grid: Grid) -> list[tuple[int, Grid]]:
    """A grid in as many parts as its lines need pages, numbered from 0."""
    parts: list[list[tuple[Place | None, ...]]] = [[]]
    above: tuple[Place | None, ...] = (None,) * len(grid.columns)
    room = _TALL
    for line in grid.lines:
        above = tuple(place or merged for place, merged in zip(line, above, strict=True))
        height = max((1 + len(place.below) for place in line if place), default=1)
        if height > room and parts[-1]:
            parts.append([])
            room, line = _TALL, above  # a merged cell goes on in the next part
        parts[-1].append(line)
        room -= height
    return [(i, replace(grid, lines=tuple(lines))) for i, lines in enumerate(parts)]


def _command(name: str) -> str:
    """The command that holds a table's caption: letters are all that a name may have.

    Example:
        >>> _command("demo-2")
        '\\\\democcaption'
    """
    letters = (chr(ord("a") + int(s)) if s.isdecimal() and s.isascii() else s for s in name)
    return "\\" + "".join(s for s in letters if s.isascii() and s.isalpha()) + "caption"


def _table(table: Table, grid: Grid, number: int) -> str:
    alignment = "".join("l" if i < grid.left else "r" for i in range(len(grid.columns)))
    title = f"{escape_latex(table.spec.title)}: {escape_latex(grid.title[0].lower())}"
    title += escape_latex(grid.title[1:])
    title += " (continued)." if number else f". {_command(table.spec.name)}"
    key = f"{grid.key}-{number + 1}" if number else grid.key
    size = r"\scriptsize" if len(grid.columns) > _WIDE else r"\footnotesize"
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{title}}}",
            rf"\label{{tab:{_label(table.spec.name)}-{key}}}",
            rf"{size}\setlength{{\tabcolsep}}{{3pt}}",
            rf"\begin{{tabular}}{{@{{}}{alignment}@{{}}}}",
            r"\toprule",
            *_headings(grid.columns),
            r"\midrule",
            *(_line(line, grid.left) for line in grid.lines),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _label(name: str) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in name)


def _headings(columns: tuple[Column, ...]) -> list[str]:
    """One line of headings, under a line of groups where there are groups."""
    below = " & ".join(_stack(_words(column.text), "c") for column in columns) + r" \\"
    if not any(column.group for column in columns):
        return [below]
    groups, rules = [], []
    for first, width, group in _spans(columns):
        if group:
            groups.append(rf"\multicolumn{{{width}}}{{c}}{{{_stack(_words(group, 26), 'c')}}}")
            rules.append(rf"\cmidrule(lr){{{first + 1}-{first + width}}}")
        else:
            groups += [""] * width
    return [" & ".join(groups) + r" \\", "".join(rules), below]


def _spans(columns: tuple[Column, ...]) -> list[tuple[int, int, str]]:
    """First column, width and name of each group; of each column outside of groups, too."""
    spans: list[tuple[int, int, str]] = []
    for i, column in enumerate(columns):
        if spans and column.group and spans[-1][2] == column.group:
            spans[-1] = (spans[-1][0], spans[-1][1] + 1, column.group)
        else:
            spans.append((i, 1, column.group))
    return spans


def _words(text: str, width: int = 12) -> list[str]:
    """Breaks a heading into lines of about so many signs."""
    lines: list[str] = []
    for word in one_line(text).split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]


def _line(line: tuple[Place | None, ...], left: int) -> str:
    places = []
    for i, place in enumerate(line):
        pieces = ["" if place is None else place.text, *(place.below if place else ())]
        places.append(_stack(pieces, "l" if i < left else "r", top=True))
    return " & ".join(places) + r" \\"


def _stack(pieces: list[str], align: str, *, top: bool = False) -> str:
    """Sets pieces one above the other."""
    escaped = [escape_latex(piece) for piece in pieces]
    if len(escaped) == 1:
        return escaped[0]
    place = "t" if top else "b"
    body = r" \\ ".join(escaped)
    return rf"\begin{{tabular}}[{place}]{{@{{}}{align}@{{}}}}{body}\end{{tabular}}"
