"""Whoever may write to a shared store decides names; none becomes a path, a formula or markup."""

import csv
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.commands import main
from harness.report import TableSpec
from harness.report.escape import escape_spreadsheet, file_name, markdown_code
from harness.report.files import write_files
from harness.report.render import to_csv, to_html, to_markdown
from harness.sweep.variant import folder_name
from harness.tracking.backends import NoRunsError
from harness.tracking.runs import read_runs
from tests.report.store import Store

#: Names as paths, formulas, markup and terminal codes.
HOSTILE = (
    "../../../x",
    "/etc/x",
    '=cmd|"/c calc"!A1',
    "@SUM(A1)",
    "<script>alert(1)</script>",
    "a|b`c",
    "\x1b[2J\x1b]0;x\x07",
    "x" * 400,
    "..",
)


def bare(markdown):
    """Markdown without its code, in which nothing is markup."""
    return re.sub("`[^`]*`", "", markdown)


@given(st.text())
def test_a_file_s_name_is_one_and_its_own(text):
    name = file_name(text)
    assert name not in ("", ".", "..")
    assert not {"/", "\\", "\0"} & set(name)
    assert not name.startswith((".", "-"))
    assert len(name.encode()) < 200
    assert file_name(name) == name


def test_a_variant_s_folder_keeps_its_name():
    name = folder_name("demo", "training.finetune.epochs=3, model.filters=[4,8]")
    assert TableSpec(name, "t", "small", ()).folder == name


def test_texts_that_differ_have_names_that_differ():
    texts = ["a b", "a/b", "a_b", "a:b", "../a_b", "x" * 300, "x" * 301]
    assert len({file_name(text) for text in texts}) == len(texts)


@given(st.text())
def test_no_cell_begins_a_formula(text):
    assert not escape_spreadsheet(text).lstrip().startswith(("=", "+", "-", "@"))


def test_code_in_a_cell_cannot_end_it():
    assert markdown_code("a|b") == r"`a\|b`"
    assert markdown_code("a`b|c") == r"a\`b\|c"


def test_a_file_s_name_that_is_a_path_is_refused(tmp_path):
    with pytest.raises(ValueError, match="file names"):
        write_files(tmp_path / "in", {"../out": b""})
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """An experiment whose runs bear each hostile name wherever a run has one."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
    store = Store(uri, "shared")
    for name in HOSTILE:
        params = {"model.name": name, "sparsity.pattern.shape": name, "note": name}
        tags = {"harness.scale": name, "harness.data": name, "harness.command": name}
        store.cell(name, None, 1, params={**params, "seed": name}, tags=tags)
        store.cell("random", None, 1, params={**params, "sparsity.target": name}, tags=tags)
    return uri


def test_a_hostile_store_writes_where_it_should_and_nothing_that_runs(uri, tmp_path, monkeypatch):
    inside = tmp_path / "a" / "b" / "c" / "d"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert main(["report", "--experiment", "shared", "--uri", uri]) == 0
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    results = inside / "results"
    assert all(path.is_relative_to(results) for path in written)
    assert len({path.parent for path in written} - {results}) == len(HOSTILE), "a table a scale"
    for path in written:
        if path.suffix == ".csv":
            with path.open(newline="") as file:
                cells = [cell for row in csv.reader(file) for cell in row]
            assert not any(cell.lstrip().startswith(("=", "+", "@")) for cell in cells)
        elif path.suffix in (".html", ".md", ".tex"):
            text = path.read_text()
            assert "<script>alert" not in bare(text)
            assert "\x1b" not in text


def test_nothing_of_a_hostile_store_steers_the_terminal(uri, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["report", "--experiment", "shared", "--uri", uri, "--no-plots", "--format", "csv"])
    assert "\x1b[2J" not in capsys.readouterr().out


def test_the_names_of_other_experiments_steer_no_terminal(uri):
    store = Store(uri, "\x1b[2Jsteering")
    assert store.cell("dense", None)
    with pytest.raises(NoRunsError, match="steering") as caught:
        read_runs(uri, "none")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", HOSTILE)
def test_run_ids_and_the_scale_are_names_too(table, name):
    first = table.entries[0]
    run = replace(first.runs[0], run_id=name, experiment_id=name, seed=name)
    spec = replace(table.spec, scale=name)
    drawn = replace(table, spec=spec, entries=(replace(first, runs=(run,)),))
    (_, cells) = csv.reader(to_csv(drawn).splitlines())
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    assert "<script>alert" not in to_html(drawn) + bare(to_markdown(drawn))
    assert TableSpec(name, "t", "small", ()).folder == file_name(name)
