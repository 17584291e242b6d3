import html.parser
import re
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest

import harness
from harness.report import (
    Selection,
    parse_filter,
    parse_since,
    read_table,
    report,
    write_table,
)
from harness.report.collect import collect
from harness.report.layout import grids
from harness.report.plots import draw_plots
from harness.report.published import PublishedTable
from harness.report.render import to_html
from harness.report.tables import build_table
from harness.tracking import collected
from harness.tracking.runs import read_runs
from tests.report.conftest import NASTY
from tests.settings import ROOT

#: Elements without an end tag.
VOID = {"meta", "br", "img", "link", "path", "use", "rect", "image"}


class Page(html.parser.HTMLParser):
    """What a page holds; its elements must nest."""

    def __init__(self, text):
        super().__init__()
        self.seen, self.text, self.links, self.ids, self.open = [], "", [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        values = dict(attrs)
        self.links += [values[key] for key in ("href", "src", "xlink:href") if key in values]
        self.ids += [values["id"]] if "id" in values else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def cells(self, kind):
        return [a for t, a in self.seen if t == "td" and kind in a.get("class", "").split()]


@pytest.fixture(scope="module")
def drawn(table):
    return to_html(table, draw_plots(table), "http://mlflow.example:8080/")


def test_the_page_needs_nothing_else(drawn):
    found = Page(drawn)
    outside = [link for link in found.links if not link.startswith("#")]
    assert all(link.startswith("http://mlflow.example:8080/#/experiments/") for link in outside)
    tags = [tag for tag, _ in found.seen]
    assert not {"link", "img", "iframe", "object"} & set(tags)
    assert all("src" not in attributes for tag, attributes in found.seen if tag == "script")
    assert "@import" not in drawn
    assert not re.search(r"url\((?!#)", drawn)
    assert tags.count("svg") == 2
    assert "prefers-color-scheme: dark" in drawn


def test_ids_are_unique_and_links_lead_to_them(drawn):
    found = Page(drawn)
    assert len(found.ids) == len(set(found.ids))
    inner = {link[1:] for link in found.links if link.startswith("#")}
    inner |= set(re.findall(r"url\(#([^)]*)\)", drawn))
    assert inner <= set(found.ids)
    assert {f"row-{i}" for i in range(4)} <= inner, "numbers lead to the runs behind them"


def test_run_ids_lead_to_mlflow_beside_their_commands(stores, demo_spec):
    runs = read_runs(stores["uri"], "demo")
    runs["tags.harness.command"] = "harness run seed=" + runs["params.seed"].astype(str)
    table = build_table(demo_spec, collect(runs, demo_spec), PublishedTable({}))
    drawn = to_html(table)
    experiment = stores["clean"].id
    for seed, run in stores["ids"]["random 50%"].items():
        link = f"http://127.0.0.1:5000/#/experiments/{experiment}/runs/{run}"
        link += "?workflowType=machine_learning"
        _, _, after = drawn.partition(f'<a href="{link}">')
        assert f"<code>harness run seed={seed}</code>" in after.partition("</li>")[0]


def test_what_was_published_measured_or_not_run_looks_different(keywords, table):
    (page, *_) = grids(keywords)
    found = Page(to_html(keywords))
    published = sum(place.kind == "published" for line in page.lines for place in line)
    assert len(found.cells("published")) > published == 3
    assert found.cells("measured")
    assert len(Page(to_html(table)).cells("not-run")) == 15


def test_merged_cells_are_merged(page):
    text = to_html(page)
    assert '<td class="name" rowspan="3">InceptionV3</td>' in text
    assert '<td class="measured" rowspan="3">2 by 4</td>' in text
    assert '<th class="group" colspan="2">Non-sparse Top-1 Accuracy</th>' in text


def test_conflicts_are_callouts_and_excluded_runs_are_named(stores, demo_spec):
    spec = replace(demo_spec, name="trouble")
    table = build_table(
        spec, collect(read_runs(stores["uri"], "trouble"), spec), PublishedTable({})
    )
    text = to_html(table)
    assert text.count('<p class="callout" role="note"><strong>Conflict:</strong>') == 2
    assert "2 conflicts" in text
    section = text.partition('<section id="excluded">')[2].partition("</section>")[0]
    assert all(run_id in section for e in table.excluded for run_id in e.run_ids)


def test_synthetic_data_bear_a_badge(keywords, table):
    badge = '<li class="warn">synthetic data</li>'
    assert badge in to_html(keywords)
    assert badge not in to_html(table)


def test_names_cannot_become_markup(nasty):
    found = Page(to_html(nasty, draw_plots(nasty)))
    assert [tag for tag, _ in found.seen].count("script") == 1, "the page's own"
    assert NASTY.replace("\n", " ") in found.text


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({}, "harness report --experiment demo"),
        ({"experiment": "my runs"}, "harness report --experiment 'my runs'"),
        ({"command": "harness sweep demo seed=1"}, "harness report demo seed=1"),
        (
            {"command": "harness sweep demo", "experiment": "x"},
            "harness report demo --experiment x",
        ),
        (
            {"command": "harness sweep demo tracking.experiment=x", "experiment": "x"},
            "harness report demo tracking.experiment=x",
        ),
    ],
)
def test_the_page_says_how_to_draw_it_again(table, changes, command):
    page = Page(to_html(replace(table, spec=replace(table.spec, **changes))))
    assert f"{command}copy" in page.text


def test_the_page_names_what_is_beside_it_and_where_it_was_drawn_from(stores, demo_spec, tmp_path):
    """Of collected runs no page leads anywhere: MLflow does not know them."""
    folder = tmp_path / "my runs"
    collected.collect(stores["uri"], "demo", folder)
    table = read_table(demo_spec, str(folder))
    write_table(table, uri=str(folder), out_dir=tmp_path, stem="demo_2", plots=False)
    page = Page((tmp_path / "demo_2.html").read_text())
    assert f"harness report demo_2 --from '{folder}'copy" in page.text
    assert (
        f"harness {harness.__version__}. "
        "The same numbers: demo_2.md, demo_2.csv, demo_2.tex beside this page."
    ) in page.text
    report(demo_spec, uri=stores["uri"], out_dir=tmp_path, plots=False, formats=["html"])
    text = Page((tmp_path / "table.html").read_text()).text
    assert "Run ids lead to MLflow" in text
    assert "The same numbers" not in text


def test_what_was_selected_is_asked_for_again(stores, demo_spec):
    runs = read_runs(stores["uri"], "demo")
    chosen = Selection((parse_filter("seed<=2"),), parse_since("2023-11-14T00:00+00:00"))
    found = build_table(
        demo_spec, collect(runs, demo_spec, chosen), PublishedTable({}), selection=chosen
    )
    page = Page(to_html(found))
    words = "--since=2023-11-14T00:00:00+00:00 '--filter=seed<=2'"
    assert f"harness report --experiment demo {words}copy" in page.text


def test_runs_that_are_not_shown_are_linked_though_none_is_shown(stores, demo_spec):
    chosen = Selection((parse_filter("seed>99"),))
    runs = read_runs(stores["uri"], "demo")
    found = build_table(
        demo_spec, collect(runs, demo_spec, chosen), PublishedTable({}), selection=chosen
    )
    gone = stores["ids"]["dense"][1]
    assert any(f"/{stores['clean'].id}/runs/{gone}?" in link for link in Page(to_html(found)).links)


def test_an_installed_package_has_the_templates(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, check=True, cwd=ROOT, capture_output=True, timeout=600)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    templates = ROOT / "harness" / "report" / "render" / "templates"
    assert {path.relative_to(ROOT).as_posix() for path in templates.iterdir()} <= packed
