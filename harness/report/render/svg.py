"""Puts a plot's SVG into an HTML page, in the page's own colours, light or dark."""

import re

from harness.plots.style import INK, MUTED, PAPER, RULE
from harness.report.escape import escape_html

_IDS = re.compile(r'(\bid="|url\(#|href="#)')


def inline(svg: bytes, prefix: str, label: str) -> str:
    """Returns the `<svg>` element for a page.

    Args:
        svg: What matplotlib drew.
        prefix: Goes before its ids: those of two plots on one page must differ.
        label: What the plot shows, for those who do not see it.
    """
    text = svg.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = _IDS.sub(rf"\g<1>{prefix}-", text)
    for colour, name in {INK: "ink", MUTED: "muted", RULE: "rule", PAPER: "paper"}.items():
        text = text.replace(colour, f"var(--{name})")
    opening, _, rest = text.partition(">")
    opening = re.sub(r' (width|height)="[^"]*"', "", opening)
    return f'{opening} role="img" aria-label="{escape_html(label)}">{rest}'
