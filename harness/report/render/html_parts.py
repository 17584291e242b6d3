"""The parts that HTML pages of the report share: the frame, commands, links, grids."""

import html
from collections.abc import Iterable
from pathlib import Path
from string import Template
from urllib.parse import quote

from harness.report.escape import one_line
from harness.report.layout import Column, Grid, Place

_CSS = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
#: Copies commands, and opens the row that a number leads to. Without it, one click on a command
#: selects it all the same.
_SCRIPT = """
const open = () => { const row = document.getElementById(location.hash.slice(1));
  if (row && row.tagName === 'DETAILS') { row.open = true; row.scrollIntoView(); } };
addEventListener('hashchange', open); open();
document.querySelectorAll('.command button').forEach(button => button.onclick = () => {
  const code = button.previousElementSibling;
  const done = () => { button.textContent = 'copied' };
  const select = () => getSelection().selectAllChildren(code);
  if (!navigator.clipboard) return select();
  navigator.clipboard.writeText(code.textContent).then(done, select);
});
"""
_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
$css</style>
</head>
<body>
<main>
$body
</main>
<script>$script</script>
</body>
</html>
""")


def escape_html(text: str) -> str:
    """Escapes text for an element or a quoted attribute."""
    return html.escape(one_line(text))


def page(title: str, parts: Iterable[str]) -> str:
    """Frames a page that needs nothing else: no network, no file beside it.

    Args:
        title: As text.
        parts: Its content, as HTML.
    """
    body = "\n".join(parts)
    return _PAGE.substitute(title=escape_html(title), css=_CSS, body=body, script=_SCRIPT)


def command(text: str) -> str:
    """A command to be copied."""
    return (
        f'<div class="command"><code>{escape_html(text)}</code>'
        '<button type="button" title="copy the command">copy</button></div>'
    )


def run_link(ui: str, experiment_id: str, run_id: str) -> str:
    """A run's id, as a link to its page in MLflow's interface."""
    name = f"<code>{escape_html(run_id)}</code>"
    if not experiment_id:
        return name
    place = f"{quote(experiment_id, safe='')}/runs/{quote(run_id, safe='')}"
    address = f"{ui.rstrip('/')}/#/experiments/{place}"
    return f'<a href="{escape_html(address)}">{name}</a>'


def section(key: str, heading: str, body: str) -> str:
    """A headed section that links can lead to."""
    return f'<section id="{key}">\n<h2>{escape_html(heading)}</h2>\n{body}\n</section>'


def table(grid: Grid) -> str:
    """A grid as a table; merged cells are merged, measured numbers lead to their runs."""
    body = "\n".join(_line(grid, i) for i in range(len(grid.lines)))
    head = _head(grid.columns, grid.left)
    rows = f"<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>"
    return f'<div class="card"><table>\n{rows}\n</table></div>'


def _head(columns: tuple[Column, ...], left: int) -> str:
    grouped = any(column.group for column in columns)
    above, below = [], []
    for i, column in enumerate(columns):
        attributes = _heading_class(column, i < left)
        text = escape_html(column.text)
        if not column.group:
            span = ' rowspan="2"' if grouped else ""
            above.append(f"<th{attributes}{span}>{text}</th>")
            continue
        below.append(f"<th{attributes}>{text}</th>")
        if i == 0 or columns[i - 1].group != column.group:
            width = sum(other.group == column.group for other in columns)
            above.append(f'<th class="group" colspan="{width}">{escape_html(column.group)}</th>')
    rows = [above, below] if grouped else [above]
    return "".join(f"<tr>{''.join(row)}</tr>" for row in rows)


def _heading_class(column: Column, is_name: bool) -> str:
    if is_name:
        return ' class="name"'
    return ' class="published"' if column.text.startswith("published") else ""


def _line(grid: Grid, i: int) -> str:
    places = []
    for column, place in enumerate(grid.lines[i]):
        if place is None:
            continue
        span = 1
        while i + span < len(grid.lines) and grid.lines[i + span][column] is None:
            span += 1
        rows = f' rowspan="{span}"' if span > 1 else ""
        kind = "name" if column < grid.left else place.kind.replace(" ", "-")
        if place.kind == "name" and column >= grid.left:
            kind = "measured"
        last = " last" if i + span == len(grid.lines) else ""
        places.append(f'<td class="{kind}{last}"{rows}>{_place(place)}</td>')
    return f"<tr>{''.join(places)}</tr>"


def _place(place: Place) -> str:
    text = escape_html(place.text)
    if place.entry is not None:
        text = f'<a href="#row-{place.entry}">{text}</a>'
    return text + "".join(f"<small>{escape_html(line)}</small>" for line in place.below)
