"""Puts a plot's SVG into an HTML page, in the page's own colours, light or dark."""

import re

from harness.plots.style import INK, MUTED, PAPER, RULE
from harness.report.escape import escape_html

_IDS = re.compile(r'(\bid="|url\(#|href="#)')

_TAG = re.compile(r"<[^>]*>")  # names between tags may look like what stands in them
_COLOURS = {INK: "ink", MUTED: "muted", RULE: "rule", PAPER: "paper"}


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
    text = _TAG.sub(lambda tag: _of_page(tag[0], prefix), text)
    opening, _, rest = text.partition(">")
    opening = re.sub(r' (width|height)="[^"]*"', "", opening)
    return f'{opening} role="img" aria-label="{escape_html(label)}">{rest}'


def _of_page(tag: str, prefix: str) -> str:
    tag = _IDS.sub(rf"\g<1>{prefix}-", tag)
    for colour, name in _COLOURS.items():
        tag = tag.replace(colour, f"var(--{name})")
    return tag
