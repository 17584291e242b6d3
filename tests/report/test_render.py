import csv
import html.parser
import io
import re
from dataclasses import replace

import pytest

from harness.report.collect import collect
from harness.report.layout import grids
from harness.report.pages import page_tables
from harness.report.published import PublishedTable, read_published
from harness.report.render import (
    caption,
    escape_html,
    escape_latex,
    escape_markdown,
    to_csv,
    to_html,
    to_latex,
    to_markdown,
)
from harness.report.tables import build_table
from harness.report.terminal import to_text
from harness.tracking.runs import read_runs


def csv_rows(table):
    return list(csv.DictReader(io.StringIO(to_csv(table))))


def markdown_rows(text):
    return [line for line in text.splitlines() if line.startswith("|")]


def grid_rows(text, title):
    """The lines of one grid of a Markdown page, heading and rule first."""
    return markdown_rows(text.split(f"## {title}\n")[1].split("\n## ")[0])


def test_markdown_results(table):
    rows = grid_rows(to_markdown(table), "Results")
    assert rows[0] == (
        "| model | sparsity | seeds | accuracy (%), measured (small scale) | vs own dense "
        "| p, seeds (Holm) |"
    )
    assert rows[2:] == [
        "| mnist\\_cnn | dense | 3 | 98.20 ± 0.50 | – | – |",
        "| mnist\\_cnn | random 50% | 3 | 98.00 ± 0.25 | −0.20 ± 0.43 | 0.184 |",
        "| mnist\\_cnn | random 90% | 2 of 3 | 95.00, 96.20 | −3.00, −2.00 | – |",
        "| mnist\\_cnn | 2 by 4 | 1 of 3 | 97.50 | −0.50 | – |",
        "| mnist\\_cnn | block 1 by 4 50% | 0 of 3 | not run | not run | not run |",
    ]


def test_markdown_shows_sizes_beside_their_denominators_and_the_cost(table):
    text = to_markdown(table)
    size = grid_rows(text, "Sparsity reached, and size")
    assert size[3] == (
        "| mnist\\_cnn | random 50% | 50.00 | 3,273,504 | 49.98 | 3,274,762 | 1,637,882 "
        "| 13,103,572 | 7,055,295 | 1.72× |"
    )
    assert size[6].count("not run") == 8
    cost = grid_rows(text, "Cost")
    assert cost[0] == "| model | sparsity | seeds | training (s a run) | a step (ms) |"
    assert cost[3] == "| mnist\\_cnn | random 50% | 3 | 41.5 | n/a |"


def test_markdown_names_every_run(table, stores):
    text = to_markdown(table)
    for runs in stores["ids"].values():
        assert all(f"`{run_id}`" in text for run_id in runs.values())


def test_csv_is_unrounded_and_never_blank(table):
    rows = csv_rows(table)
    assert [row["sparsity"] for row in rows] == [e.spec.sparsity for e in table.entries]
    assert float(rows[1]["mean"]) == pytest.approx(98.0)
    assert float(rows[1]["sparsity_all"]) == pytest.approx(0.4998)
    assert rows[1]["data"] == "MNIST, 5,000 digits"
    assert rows[3]["half_width_95"] == "n/a"
    assert rows[4]["mean"] == rows[4]["bytes"] == rows[4]["run_ids"] == "not run"
    assert all(value for row in rows for value in row.values())


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)"])
def test_no_name_is_a_formula_in_a_spreadsheet(table, name):
    first = replace(table.entries[0], spec=replace(table.entries[0].spec, model=name, variant=name))
    (row,) = csv_rows(replace(table, entries=(first,)))
    assert row["model"] == row["variant"] == f"'{name}"
    assert float(row["mean"]) == pytest.approx(98.2)


def test_no_place_of_any_grid_is_blank(table, page):
    for each in (table, page):
        for grid in grids(each):
            assert all(place is None or place.text for line in grid.lines for place in line)
            assert None not in grid.lines[0]


def test_the_page_keeps_its_layout_before_any_run(page):
    rows = grid_rows(to_markdown(page), "In the guide's layout")
    assert rows[0] == (
        "| Model "
        "| Non-sparse Top-1 Accuracy: published (full scale) "
        "| Non-sparse Top-1 Accuracy: measured (full scale) "
        "| Random Sparse Accuracy: published (full scale) "
        "| Random Sparse Accuracy: measured (full scale) | Random Sparsity "
        "| Structured Sparse Accuracy: published (full scale) "
        "| Structured Sparse Accuracy: measured (full scale) | Structured Sparsity |"
    )
    assert [row.split(" | ")[5] for row in rows[2:7]] == ["50%", "75%", "87.5%", "50%", "50%"]
    assert rows[2] == (
        "| InceptionV3 | 78.1% | not run | 78.0% (−0.10) | not run | 50% "
        "| 75.8% (−2.02) dense 77.82% 50% 77.47% | not run | 2 by 4 |"
    )
    assert rows[3] == "|  |  |  | 76.1% (−2.00) | not run | 75% |  |  |  |"


def test_what_was_published_beside_a_value_stands_beside_it(page):
    text = to_markdown(page)
    rows = {tuple(row.split(" | ")[:2]): row for row in grid_rows(text, "Results")}
    assert rows["| InceptionV3", "2 by 4"].endswith("| −2.02 | dense 77.82%, 50% 77.47% |")
    assert rows["| MobilenetV2 224", "2 by 4"].endswith("| −5.02 | – |")
    assert "InceptionV3, random 50%: 77.47% by Arm, <https://github.com/" in text
    assert "is by Arm, who measured dense 77.82%, 50% 77.47% with it" in caption(page)
    (row,) = [r for r in csv_rows(page) if (r["model"], r["sparsity"]) == ("InceptionV3", "2 by 4")]
    assert (row["published_by"], row["published_dense"]) == ("Arm", "77.82")
    assert row["published_beside"] == "dense: 77.82; random 50%: 77.47"
    for drawn in (to_latex(page), to_html(page)):
        assert "77.47" in drawn


def test_scales_never_share_a_column(keywords):
    (page, *_) = grids(keywords)
    assert [column.text for column in page.columns[1:]] == [
        "published (full scale)",
        "measured (small scale)",
    ] * 3
    (line,) = page.lines
    assert [place.kind for place in line[1:]] == ["published", "measured"] * 3
    assert "no yardstick" in caption(keywords)


def test_sparsities_without_a_column_stand_beyond_the_page(keywords):
    page, results = grids(keywords)[:2]
    (line,) = page.lines
    assert [place.text for place in line] == [
        *("DS-CNN-L", "95.23%", "95.00%", "94.33%", "94.00%", "94.84%", "94.50%")
    ]
    assert line[4].below == ("(−1.00)", "n=1")
    assert [line[1].text for line in results.lines][2:] == ["2 by 4", "random 75%"]
    assert "Beyond the guide's columns, in the grid of results: random 75%." in caption(keywords)


def test_synthetic_data_are_called_so_everywhere(keywords):
    for text in (to_markdown(keywords), to_latex(keywords), to_text(keywords)):
        assert "Data: SYNTHETIC, synthetic speech" in text


def test_escapes():
    assert escape_markdown("a_b|<c>") == "a\\_b\\|\\<c\\>"
    assert escape_html('<a href="x">&') == "&lt;a href=&quot;x&quot;&gt;&amp;"
    assert escape_latex("50% of a_b \\ {x}") == r"50\% of a\_b \textbackslash{} \{x\}"


class _Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)

    def handle_data(self, data):
        self.text += data


def test_names_cannot_become_markup_of_markdown(nasty):
    for title, width in (("Results", 6), ("Sparsity reached, and size", 10)):
        rows = grid_rows(to_markdown(nasty), title)
        assert {re.sub(r"\\.", "", row).count("|") for row in rows} == {width + 1}
    parser = _Tags()
    parser.feed(to_markdown(nasty).replace("\\<", "&lt;").replace("\\>", "&gt;"))
    assert "script" not in parser.seen


@pytest.mark.parametrize("width", [40, 80, 120])
def test_terminal_text_never_cuts_a_number(stores, demo_spec, width):
    spec = replace(demo_spec, rows=demo_spec.rows[:4])
    runs = read_runs(stores["uri"], "demo")
    text = to_text(build_table(spec, collect(runs, spec), PublishedTable({})), width)
    for number in ("98.20", "± 0.50", "−0.20", "± 0.43", "12,164,301", "1.72×", "1,637,882"):
        assert number in text
    if width >= 80:
        assert max(len(line) for line in text.splitlines()) <= width


def test_terminal_text_says_what_the_numbers_are_of(table):
    text = to_text(table, 400)
    assert "Scale: small. Data: MNIST, 5,000 digits." in text
    assert "Prunable weights: 3,273,504 (mnist_cnn)." in text
    assert "no interval" in text


def test_published_values_of_the_guide_reach_every_format(page):
    text = read_published("image_classification").values["InceptionV3", "random 87.5%"].text
    assert text == "74.6"
    for drawn in (to_markdown(page), to_csv(page), to_latex(page), to_text(page)):
        assert "74.6" in drawn


def test_a_variant_tells_rows_of_one_name_apart(stores, demo_spec):
    dense, half, *_ = demo_spec.rows
    other = replace(half, where={**half.where, "export.formats": "[]"}, variant="export.formats=[]")
    spec = replace(
        page_tables("small")["examples"], name="demo", rows=(dense, half, other), published=None
    )
    runs = read_runs(stores["uri"], "demo")
    table = build_table(spec, collect(runs, spec), PublishedTable({}))
    rows = grid_rows(to_markdown(table), "Results")
    assert rows[0].startswith("| model | sparsity | variant | seeds |")
    assert "| random 50% | – | 3 |" in rows[3]
    assert "| random 50% | export.formats=\\[\\] | 0 of 3 | not run |" in rows[4]
