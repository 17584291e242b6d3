"""A table's grids as LaTeX tables (booktabs)."""

from harness.report.escape import escape_latex
from harness.report.grid import Column, Grid, Place
from harness.report.layout import grids
from harness.report.render.caption import caption
from harness.report.render.latex_fit import GAP, Size, parts, pieces, spans, words
from harness.report.tables import Table


def to_latex(table: Table) -> str:
    """Draws a LaTeX table a grid, to be `\\input` by a document that loads booktabs.

    The caption is said once, as a command that each grid's uses. Headings and cells are stacked
    rather than long, and a grid that is wider or longer than a page goes on in the next table;
    merged cells stand on their first line.
    """
    said = f"{_command(table.spec.name)}}}{{{escape_latex(caption(table))}}}"
    head = f"% needs \\usepackage{{booktabs}}\n\\newcommand{{{said}"
    each = [
        _table(table, part, size, number)
        for grid in grids(table)
        for number, (size, part) in enumerate(parts(grid))
    ]
    return "\n\n".join([head, *each]) + "\n"


def _command(name: str) -> str:
    """The command that holds a table's caption: letters are all that a name may have.

    Example:
        >>> _command("demo-2")
        '\\\\democcaption'
    """
    letters = (chr(ord("a") + int(s)) if s.isdecimal() and s.isascii() else s for s in name)
    return "\\" + "".join(s for s in letters if s.isascii() and s.isalpha()) + "caption"


def _table(table: Table, grid: Grid, size: Size, number: int) -> str:
    alignment = "".join("l" if i < grid.left else "r" for i in range(len(grid.columns)))
    title = f"{escape_latex(table.spec.title)}: {escape_latex(grid.title[0].lower())}"
    title += escape_latex(grid.title[1:])
    title += " (continued)." if number else f". {_command(table.spec.name)}"
    key = f"{grid.key}-{number + 1}" if number else grid.key
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{title}}}",
            rf"\label{{tab:{_label(table.spec.name)}-{key}}}",
            rf"{size.name}\setlength{{\tabcolsep}}{{{GAP / 2:.0f}pt}}",
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
    below = " & ".join(_stack(words(column.text), "c") for column in columns) + r" \\"
    if not any(column.group for column in columns):
        return [below]
    groups, rules = [], []
    for first, width, group in spans(columns):
        if group:
            groups.append(rf"\multicolumn{{{width}}}{{c}}{{{_stack(words(group, 26), 'c')}}}")
            rules.append(rf"\cmidrule(lr){{{first + 1}-{first + width}}}")
        else:
            groups += [""] * width
    return [" & ".join(groups) + r" \\", "".join(rules), below]


def _line(line: tuple[Place | None, ...], left: int) -> str:
    places = [
        _stack(pieces(place, is_name=i < left), "l" if i < left else "r", top=True)
        for i, place in enumerate(line)
    ]
    return " & ".join(places) + r" \\"


def _stack(lines: list[str], align: str, *, top: bool = False) -> str:
    """Sets lines one above the other."""
    escaped = [escape_latex(line) for line in lines]
    if len(escaped) == 1:
        return escaped[0]
    place = "t" if top else "b"
    body = r" \\ ".join(escaped)
    return rf"\begin{{tabular}}[{place}]{{@{{}}{align}@{{}}}}{body}\end{{tabular}}"
