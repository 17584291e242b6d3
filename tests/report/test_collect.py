from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.collect import collect
from harness.report.values import canonical
from harness.tracking.runs import read_runs


@pytest.fixture(scope="module")
def trouble(stores, demo_spec):
    return collect(read_runs(stores["uri"], "trouble"), replace(demo_spec, name="trouble"))


def _reason(collection, run_id):
    (found,) = [e.reason for e in collection.excluded if run_id in e.run_ids]
    return found


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("unfinished", "unfinished"),
        ("failed", "failed"),
        ("killed", "failed"),
        ("incomplete", "incomplete"),
        ("former format", "another format than"),
        ("no format", "another format than"),
        ("scale", "another scale than small"),
        ("nan", "finite test/accuracy"),
        ("infinite", "finite test/accuracy"),
        ("missing", "finite test/accuracy"),
        ("foreign", "not written by the harness"),
        ("other target", "does not show"),
        ("other seed", "does not show"),
        ("older dense", "newer run of the same cell"),
        ("older rival", "another cell with the same row and seed"),
    ],
)
def test_every_run_not_shown_has_its_reason(trouble, stores, run, words):
    assert words in _reason(trouble, stores["made"][run])


def test_shows_the_newest_and_accounts_for_all(trouble, stores):
    shown = {run.run_id for runs in trouble.runs for run in runs.values()}
    assert shown == {stores["made"][name] for name in ("dense", "sparse", "rival")}
    excluded = [run_id for e in trouble.excluded for run_id in e.run_ids]
    assert sorted([*excluded, *shown]) == sorted(stores["made"].values())


def test_sweep_parents_are_no_excluded_cells(stores, demo_spec):
    collection = collect(read_runs(stores["uri"], "demo"), demo_spec)
    assert collection.excluded == []
    assert [len(runs) for runs in collection.runs] == [3, 3, 2, 1, 0]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_equal_numbers_are_equal_parameters(value):
    assert canonical(repr(value)) == canonical(value) == canonical(f" {value!r} ")


def test_unset_parameters_are_equal_and_words_keep_their_case():
    assert canonical(None) == canonical("None") == canonical("null") == canonical(float("nan"))
    assert canonical("True") == canonical(True)
    assert canonical("Adam") != canonical("adam")
