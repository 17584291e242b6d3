"""A plot's SVG within a page: what its text says stays, however much it looks like a tag's."""

import re
from xml.etree import ElementTree

from harness.plots.figure import render
from harness.report.render.svg import inline

NAME = 'id="x" url(#y) #1a1a1b href="#z" a<b & c'


def test_a_page_takes_over_ids_and_colours_but_no_text():
    def draw(axes):
        axes.plot([0, 1], [0, 1], marker="o")
        axes.set_xlabel(NAME)

    (svg,) = render("plot", {"a title": draw}, (4, 3), ["svg"]).values()
    text = inline(svg, "p1", "a plot")
    root = ElementTree.fromstring(text)
    assert NAME in [each.text for each in root.iter() if each.tag.endswith("text")]
    ids = {each.get("id") for each in root.iter() if each.get("id")}
    assert ids
    assert all(each.startswith("p1-") for each in ids)
    tags = "".join(re.findall(r"<[^>]*>", text))
    assert "var(--ink)" in tags
    assert "#1a1a1b" not in tags
    assert set(re.findall(r"url\(#([^)]*)\)", tags)) <= ids
