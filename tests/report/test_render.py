import csv
import html.parser
import io
from dataclasses import replace

import pytest

from harness.report.collect import collect
from harness.report.pages import page_tables
from harness.report.plots import draw_plots, plot_names
from harness.report.published import PublishedTable, read_published
from harness.report.render import (
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
from harness.tracking.reader import read_runs

NASTY = "a_b|c <script>alert(1)</script> 50% & $x$ `y` #{z}~^\\\nnext"


@pytest.fixture(scope="module")
def runs(stores):
    return read_runs(stores["uri"], "demo")


@pytest.fixture(scope="module")
def table(runs, demo_spec):
    return build_table(demo_spec, collect(runs, demo_spec), PublishedTable({}))


@pytest.fixture(scope="module")
def nasty(runs, demo_spec):
    rows = tuple(replace(row, model=NASTY) for row in demo_spec.rows)
    spec = replace(demo_spec, title=NASTY, rows=rows)
    return build_table(spec, collect(runs, spec), PublishedTable({}))


@pytest.fixture(scope="module")
def page(runs):
    spec = page_tables()["image_classification"]
    published = read_published(spec.published)
    return build_table(spec, collect(runs.iloc[:0], spec), published)


def _markdown_rows(text):
    return [line for line in text.splitlines() if line.startswith("|")]


def test_markdown_rows(table):
    rows = _markdown_rows(to_markdown(table))
    assert rows[2].startswith("| mnist\\_cnn | dense | 3 | 98.20 ± 0.50 | – | 0.00 | 0.00 |")
    assert "| random 50% | 3 | 98.00 ± 0.25 | −0.20 ± 0.43 | 50.00 | 49.98 |" in rows[3]
    assert "| random 90% | 2 of 3 | 95.60 ± 7.62 |" in rows[4]
    assert "| 2 by 4 | 1 of 3 | 97.50 | −0.50 |" in rows[5]
    assert rows[6].count("not run") == 7


def test_markdown_names_every_run(table, stores):
    text = to_markdown(table)
    for runs in stores["ids"].values():
        assert all(f"`{run_id}`" in text for run_id in runs.values())


def test_csv_is_unrounded_and_never_blank(table):
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert [row["sparsity"] for row in rows] == [e.spec.sparsity for e in table.entries]
    assert float(rows[1]["mean"]) == pytest.approx(98.0)
    assert float(rows[1]["sparsity_all"]) == pytest.approx(0.4998)
    assert rows[3]["half_width_95"] == "n/a"
    assert rows[4]["mean"] == rows[4]["bytes"] == rows[4]["run_ids"] == "not run"
    assert all(value for row in rows for value in row.values())


def test_the_page_keeps_its_layout_before_any_run(page):
    rows = _markdown_rows(to_markdown(page))
    assert rows[0] == (
        "| Model | Non-sparse Top-1 Accuracy | Random Sparse Accuracy | Random Sparsity "
        "| Structured Sparse Accuracy | Structured Sparsity |"
    )
    assert [row.split(" | ")[3] for row in rows[2:7]] == ["50%", "75%", "87.5%", "50%", "50%"]
    assert rows[2].startswith("| InceptionV3 | not run \\[published 78.1%\\] | not run")
    assert "published 75.8% (−2.02)" in rows[2]
    assert rows[3].startswith("|  |  | not run \\[published 76.1% (−2.00)\\]")


def test_html_merges_what_the_page_merges(page):
    text = to_html(page)
    assert '<td rowspan="3">InceptionV3</td>' in text
    assert '<td rowspan="3">2 by 4</td>' in text
    assert "<td>75%</td>" in text


class _Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.text = set(), ""

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)

    def handle_data(self, data):
        self.text += data


def test_names_cannot_become_markup(nasty):
    parser = _Tags()
    parser.feed(to_html(nasty))
    assert "script" not in parser.seen
    assert NASTY.replace("\n", " ") in parser.text
    columns = {row.replace("\\|", "").count("|") for row in _markdown_rows(to_markdown(nasty))[:7]}
    assert columns == {11}
    assert "\n\\end" not in escape_latex(NASTY)
    body = to_latex(nasty).split("\\midrule")[1].split("\\bottomrule")[0]
    assert all(line.replace("\\&", "").count("&") == 9 for line in body.strip().splitlines())


def test_escapes():
    assert escape_markdown("a_b|<c>") == "a\\_b\\|\\<c\\>"
    assert escape_html('<a href="x">&') == "&lt;a href=&quot;x&quot;&gt;&amp;"
    assert escape_latex("50% of a_b \\ {x}") == r"50\% of a\_b \textbackslash{} \{x\}"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_terminal_text_never_cuts_a_number(runs, demo_spec, width):
    spec = replace(demo_spec, rows=demo_spec.rows[:4])
    text = to_text(build_table(spec, collect(runs, spec), PublishedTable({})), width)
    for number in ("98.20", "± 0.50", "−0.20", "± 0.43", "13,103,572", "12,164,301", "1.72×"):
        assert number in text
    if width >= 80:
        assert max(len(line) for line in text.splitlines()) <= width


def test_terminal_text_says_what_the_numbers_are_of(table):
    text = to_text(table, 400)
    assert "Scale: small. Data: MNIST, 5,000 digits." in text
    assert "Prunable weights: 3,273,504 (mnist_cnn)." in text
    assert "no interval" in text


def test_plots_are_pictures_and_the_same_each_time(table):
    first, second = draw_plots(table), draw_plots(table)
    assert list(first) == ["accuracy_vs_sparsity.png", "accuracy_vs_sparsity.svg"]
    assert first == second
    assert first["accuracy_vs_sparsity.png"].startswith(b"\x89PNG")
    assert b"<svg" in first["accuracy_vs_sparsity.svg"]


def test_plots_bear_any_name(nasty):
    assert set(draw_plots(nasty)) == set(plot_names(nasty))


def test_nothing_measured_draws_nothing(page):
    assert draw_plots(page) == {}
