"""The page that leads to all tables."""

from collections.abc import Sequence

from harness.report.notes import CONFLICT
from harness.report.render import html_parts as parts
from harness.report.render.html_parts import escape_html
from harness.report.tables import Table


def to_index(tables: Sequence[tuple[str, Table]]) -> str:
    """Draws the index of several tables.

    Args:
        tables: The address of each table's page from here, and the table.
    """
    cards = "\n".join(_card(address, table) for address, table in tables)
    body = [
        '<p class="eyebrow">Sparsity research harness</p>',
        "<h1>Tables</h1>",
        f'<ul class="tables">\n{cards}\n</ul>',
    ]
    return parts.page("Tables", body)


def _card(address: str, table: Table) -> str:
    measured = sum(entry.quality is not None for entry in table.entries)
    rows = len(table.entries)
    share = 100 * measured / rows if rows else 0
    warnings = sum(note.startswith(CONFLICT) for note in table.notes)
    warned = f'<p class="warn">conflicts: {warnings}</p>' if warnings else ""
    data = "synthetic data" if table.is_synthetic else ""
    return (
        f'<li class="card"><h2><a href="{escape_html(address)}">{escape_html(table.spec.title)}'
        f"</a></h2><p>{escape_html(table.spec.name)} · {escape_html(table.spec.scale)} scale</p>"
        f'<div class="meter"><i style="width: {share:.0f}%"></i></div>'
        f"<p>{measured} of {rows} rows measured</p>{warned}"
        f"{f'<p class=warn>{data}</p>' if data else ''}</li>"
    )
