import re
import shutil
import subprocess
from dataclasses import replace

import pytest

from harness.report.render import escape_latex, to_latex
from tests.report.conftest import NASTY
from tests.settings import ROOT

needs_pdflatex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
DOCUMENT = r"""\documentclass[a4paper]{article}
\usepackage[margin=2cm]{geometry}
\usepackage{booktabs}
\begin{document}
\input{table}
\end{document}
"""


def bodies(text):
    """The lines of numbers of each table."""
    parts = re.findall(r"\\midrule\n(.*?)\n\\bottomrule", text, re.DOTALL)
    return [part.splitlines() for part in parts]


def plain(line):
    """A line without its stacked cells and escaped signs."""
    return re.sub(r"\\begin\{tabular\}.*?\\end\{tabular\}|\\&", "", line)


def test_every_line_has_a_place_for_every_column(table, page, nasty, keywords):
    for each in (table, page, nasty, keywords):
        text = to_latex(each)
        widths = [len(a) for a in re.findall(r"\\begin\{tabular\}\{@\{\}([lr]{3,})@\{\}\}", text)]
        assert len(widths) == len(bodies(text)) == text.count(r"\caption{")
        for width, lines in zip(widths, bodies(text), strict=True):
            assert all(line.endswith(r"\\") for line in lines)
            assert {plain(line).count("&") for line in lines} == {width - 1}
        bare = re.sub(r"\\[{}]", "", text)
        assert bare.count("{") == bare.count("}")
        for name in ("table", "tabular"):
            assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}")


def test_the_page_groups_published_and_measured(page):
    text = to_latex(page)
    assert text.count(r"\multicolumn{2}{c}{") == 3
    assert r"\cmidrule(lr){2-3}\cmidrule(lr){4-5}\cmidrule(lr){7-8}" in text
    assert bodies(text)[0][1].startswith(" &  &  & ")


@pytest.mark.parametrize("text", ["[training.finetune.epochs=3]", "*", "a[b"])
def test_no_text_is_an_option_of_the_line_end_before_it(text):
    assert not re.search(r"(^|[^{])[\[*]", escape_latex(text))


def test_a_variant_below_a_number_is_no_option(page):
    spec = replace(page.spec, rows=tuple(replace(r, variant="epochs=3") for r in page.spec.rows))
    entries = tuple(replace(e, spec=r) for e, r in zip(page.entries, spec.rows, strict=True))
    text = to_latex(replace(page, spec=spec, entries=entries))
    assert r"\\ {[}epochs=3]" in text
    assert not re.search(r"\\\\\s*[\[*]", text)


@pytest.fixture
def long(table, page):
    """A table of many rows, some of which bear a model's name in several lines."""
    spec = replace(table.spec, page=page.spec.page)
    return replace(table, spec=spec, entries=table.entries * 13 + page.entries * 3)


def test_a_long_grid_goes_on_in_the_next_table(long):
    text = to_latex(long)
    titles = re.findall(r"\\caption\{A demo: results(.*)\}", text)
    assert titles == [r". \democaption", " (continued).", " (continued)."]
    assert len(set(re.findall(r"\\label\{.*\}", text))) == text.count(r"\label{")
    results = [lines for lines in bodies(text) if len(lines) > 30]
    assert max(map(len, results)) == 40
    assert sum(line.startswith("mnist") for line in bodies(text)[0]) == 1


def test_names_cannot_become_markup(nasty):
    assert "\n\\end" not in escape_latex(NASTY)
    assert "<script>" not in to_latex(nasty)


@pytest.fixture
def wide(table):
    """A table with more columns than a page has room for, and a variant of many settings."""
    metrics = {f"size/tflite{each}_gzip_bytes": 1e9 for each in ("", "_int8", "_sparse")}
    variant = " ".join(f"training.finetune.setting_{i}=0.5" for i in range(4))
    entries = tuple(
        replace(e, spec=replace(e.spec, variant=variant), values={**e.values, **metrics})
        for e in table.entries
    )
    return replace(table, entries=entries)


def test_a_wide_grid_goes_on_in_the_next_table_its_names_repeated(wide):
    text = to_latex(wide)
    sizes = re.findall(r"\\caption\{A demo: sparsity reached, and size(.*)\}", text)
    assert sizes == [r". \democaption", *[" (continued)."] * (len(sizes) - 1)]
    assert len(sizes) > 1
    names = [lines[0].split(" & ")[:2] for lines in bodies(text)]
    assert all(each == names[0] for each in names)


def compiled(folder, document):
    """The log of a document that `pdflatex` takes."""
    (folder / "page.tex").write_text(document)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=folder,
        capture_output=True,
        timeout=600,
        check=False,
    )
    log = (folder / "page.log").read_text(errors="replace")
    assert done.returncode == 0, log[-2000:]
    return log


@needs_pdflatex
@pytest.mark.parametrize("name", ["table", "page", "nasty", "keywords", "long", "wide"])
def test_it_compiles_and_fits_the_page(name, request, tmp_path):
    (tmp_path / "table.tex").write_text(to_latex(request.getfixturevalue(name)))
    log = compiled(tmp_path, DOCUMENT)
    if name != "nasty":  # its names are wider than any table
        assert "Overfull \\hbox" not in log
    assert "Float too large" not in log


@needs_pdflatex
@pytest.mark.parametrize("path", sorted((ROOT / "results").glob("*.tex")), ids=lambda p: p.stem)
def test_what_is_committed_fits_the_page(path, tmp_path):
    shutil.copy(path, tmp_path / "table.tex")
    log = compiled(tmp_path, DOCUMENT)
    assert "Overfull \\hbox" not in log
    assert "Float too large" not in log
