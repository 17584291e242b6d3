"""Whether a statement holds, from tables whose answer is known."""

import numpy as np
import pytest
import yaml

from harness.errors import ReportError
from harness.report import TableSpec, rows_from_cells
from harness.report.collect import Collection, Run
from harness.report.published import read_published
from harness.report.statements import FAILS, HOLDS, NOT_RUN, OPEN, judge
from harness.report.tables import build_table
from harness.tracking.answers import Answers

NAME = {"model.name": "mnist_cnn"}


def table(answers=None, **rows):
    """A table of rows such as `half=[98.1, 98.2]`, a value a seed; their names are sparsities."""
    names = {
        "dense": "dense",
        "control": "control",
        "half": "random 50%",
        "lot": "random by lot 50%",
    }
    seeds = range(1, 1 + max(len(values) for values in rows.values()))
    cells = [({**NAME, "sparsity.label": names[row]}, seed) for row in rows for seed in seeds]
    spec = TableSpec("t", "T", "small", rows_from_cells(cells))
    runs = [
        {
            str(seed): Run(
                f"{row}{seed}",
                "",
                str(seed),
                value,
                {"size/tflite_gzip_bytes": 100 if row == "dense" else 12},
                {},
            )
            for seed, value in zip(seeds, values, strict=False)
        }
        for row, values in rows.items()
    ]
    return build_table(spec, Collection(runs), read_published(None), answers=answers)


def verdicts(tmp_path, made, check):
    path = tmp_path / "statements.yaml"
    said = {
        "statement": "S",
        "page": "P",
        "table": "t",
        "checks": [{"rows": "random 50%", **check}],
    }
    path.write_text(yaml.safe_dump([said]))
    (statement,) = judge(path, {"t": made} if made else {})
    return statement


DENSE = [98.0, 98.2, 98.1, 97.9, 98.0]
CONTROL = [98.5, 98.6, 98.6, 98.4, 98.5]


@pytest.mark.parametrize(
    ("half", "check", "verdict"),
    [
        ([98.5, 98.7, 98.5, 98.4, 98.5], {"loses_at_most": 0.3}, HOLDS),
        ([97.5, 97.7, 97.5, 97.3, 97.6], {"loses_at_most": 0.3}, FAILS),
        ([98.0, 98.7, 98.1, 98.6, 97.9], {"loses_at_most": 0.3}, OPEN),
        ([97.5, 97.7, 97.5, 97.3, 97.6], {"loses": True}, HOLDS),
        ([97.5, 97.7, 97.5, 97.3, 97.6], {"gains": True}, FAILS),
        # smaller than its dense baseline, 8.3 times
        ([98.5, 98.7, 98.5, 98.4, 98.5], {"loses_at_most": 0.3, "smaller": 8}, HOLDS),
        ([98.5, 98.7, 98.5, 98.4, 98.5], {"loses_at_most": 0.3, "smaller": 9}, FAILS),
    ],
)
def test_verdicts_are_of_the_interval_from_the_control(tmp_path, half, check, verdict):
    found = verdicts(tmp_path, table(dense=DENSE, control=CONTROL, half=half), check)
    assert found.verdict == verdict
    (finding,) = found.findings
    assert bool(finding.needed) == (verdict == OPEN)
    assert "5 seeds" in finding.text


@pytest.mark.parametrize(
    ("above", "needed"), [(0.1, "about 18 seeds"), (0.001, "more than 1,000 seeds")]
)
def test_a_mean_on_its_margin_asks_for_no_number_of_seeds(tmp_path, above, needed):
    off = [0.2, -0.2, 0.1, -0.1, 0.0]
    half = [c - 0.3 + above + each for c, each in zip(CONTROL, off, strict=True)]
    made = table(dense=DENSE, control=CONTROL, half=half)
    (finding,) = verdicts(tmp_path, made, {"loses_at_most": 0.3}).findings
    assert finding.text.endswith(f"{OPEN}; {needed} would tell")


def test_rows_are_compared_seed_by_seed(tmp_path):
    made = table(dense=DENSE, control=CONTROL, half=CONTROL, lot=[90.1, 95.0, 91.0, 92.0, 93.0])
    assert (
        verdicts(tmp_path, made, {"rows": "random by lot 50%", "lower_than": "random 50%"}).verdict
        == HOLDS
    )


def test_no_difference_is_neither_a_gain_nor_a_loss(tmp_path):
    made = table(dense=DENSE, control=CONTROL, half=CONTROL, lot=CONTROL)
    below = {"rows": "random by lot 50%", "lower_than": "random 50%"}
    for check in ({"gains": True}, {"loses": True}, below):
        assert verdicts(tmp_path, made, check).verdict == FAILS
    assert verdicts(tmp_path, made, {"loses_at_most": 0}).verdict == HOLDS


def test_what_is_not_so_much_smaller_fails_whatever_it_loses(tmp_path):
    made = table(dense=DENSE, control=CONTROL, half=[98.0, 98.7, 98.1, 98.6, 97.9])
    check = {"loses_at_most": 0.3, "smaller": 9}
    assert verdicts(tmp_path, made, check).verdict == FAILS


@pytest.mark.parametrize("check", [{}, {"lower_than": "random by lot 50%"}])
def test_examples_count_beside_seeds(tmp_path, check):
    """Two points lost on 200 examples are four of them, which another 200 might not have lost."""
    draw = np.random.default_rng(0)
    alike = [draw.random(200) < 0.9 for _ in range(5)]
    lost = [draw.permutation(200)[:24] for _ in range(5)]
    rows = {"control": alike, "lot": alike, "half": []}
    for right, gone in zip(alike, lost, strict=True):
        worse = right.copy()
        worse[gone[:14]], worse[gone[14:]] = False, True
        rows["half"].append(worse)
    values = {name: [98.0 + 0.1 * i for i in range(5)] for name in ("dense", "control", "lot")}
    values["half"] = [value - 2 for value in values["control"]]
    answers = {
        f"{name}{seed}": Answers(right)
        for name, each in rows.items()
        for seed, right in enumerate(each, 1)
    }
    check = check or {"loses": True}
    silent = verdicts(tmp_path, table(**values), check)
    told = verdicts(tmp_path, table(answers, **values), check)
    assert silent.verdict == HOLDS
    assert told.verdict == HOLDS  # of five seeds' mean; of one draw of them all, it would not be
    narrow = dict(answers)
    for seed in range(1, 6):  # the same examples lost by all seeds: their mean varies as one does
        narrow[f"half{seed}"] = Answers(rows["half"][0])
        narrow[f"control{seed}"] = narrow[f"lot{seed}"] = Answers(alike[0])
    open_ = verdicts(tmp_path, table(narrow, **values), check)
    assert open_.verdict == OPEN
    assert "test examples" in open_.findings[0].needed


@pytest.mark.parametrize(("variant", "verdict"), [({}, FAILS), ({"variant": "kind=erk"}, HOLDS)])
def test_of_several_rows_the_one_like_most_is_judged_or_the_variant_named(
    tmp_path, variant, verdict
):
    kinds = {
        "dense": DENSE,
        "control": CONTROL,
        "uniform": [value - 2 for value in CONTROL],
        "erk": CONTROL,
        "uniform 75%": [value - 4 for value in CONTROL],
    }
    cells, runs = [], []
    for name, values in kinds.items():
        kind, _, amount = name.partition(" ")
        where = {**NAME, "sparsity.label": kind}
        if kind in ("uniform", "erk"):
            where |= {"sparsity.label": f"random {amount or '50%'}", "allocation.kind": kind}
        cells += [(where, seed) for seed in range(1, 6)]
        runs.append(
            {str(i): Run(f"{name}{i}", "", str(i), v, {}, {}) for i, v in enumerate(values, 1)}
        )
    spec = TableSpec("t", "T", "small", rows_from_cells(cells))
    assert [row.variant for row in spec.rows] == ["", "", "", "allocation.kind=erk", ""]
    made = build_table(spec, Collection(runs), read_published(None))
    found = verdicts(tmp_path, made, {"loses_at_most": 0.3, **variant})
    assert (found.verdict, len(found.findings)) == (verdict, 1)
    below = {"rows": "random 75%", "lower_than": "random 50%"}
    assert verdicts(tmp_path, made, below).findings[0].difference.mean == pytest.approx(-2)


def test_two_seeds_tell_nothing_and_none_were_not_measured(tmp_path):
    check = {"loses_at_most": 0.3}
    made = table(dense=DENSE[:2], control=CONTROL[:2], half=CONTROL[:2])
    assert verdicts(tmp_path, made, check).verdict == OPEN
    made = table(dense=DENSE, control=CONTROL, half=[])
    assert verdicts(tmp_path, made, check).verdict == NOT_RUN
    assert verdicts(tmp_path, None, check).verdict == NOT_RUN


def test_speakers_are_judged_apart_and_are_what_varies(tmp_path):
    """Rows of one sparsity and several data sets: a mean each, and groups of them."""
    shifts = {"ann": -0.1, "bob": -0.2, "cy": 0.0, "dee": -3.0, "eve": -3.2, "fay": -2.9}
    cells, runs = [], []
    for speaker, shift in shifts.items():
        for sparsity, extra in (("dense", 0.0), ("control", 0.5), ("random 50%", 0.5 + shift)):
            where = {**NAME, "sparsity.label": sparsity, "dataset.test_speaker": speaker}
            cells += [(where, seed) for seed in (1, 2)]
            runs.append(
                {
                    str(seed): Run(f"{speaker}{sparsity}{seed}", "", str(seed), 90 + extra, {}, {})
                    for seed in (1, 2)
                }
            )
    spec = TableSpec("t", "T", "small", rows_from_cells(cells))
    made = build_table(spec, Collection(runs), read_published(None))
    path = tmp_path / "statements.yaml"
    groups = {"near": ["ann", "bob", "cy"], "far": ["dee", "eve", "fay"]}
    check = {"rows": "random 50%", "loses_at_most": 0.5}
    said = {"statement": "S", "page": "P", "table": "t", "groups": groups, "checks": [check]}
    path.write_text(yaml.safe_dump([said]))
    (statement,) = judge(path, {"t": made})
    found = {each.what.rpartition(", ")[2]: each for each in statement.findings}
    assert {name: each.verdict for name, each in found.items()} == {"near": HOLDS, "far": FAILS}
    assert found["near"].difference.values == pytest.approx((-0.1, -0.2, 0.0))
    assert "3 speakers" in found["far"].text
    assert statement.verdict == FAILS


SPEED = "latency/tflite_sparse_speedup"


def timed(*factors, control=None, dense=0.9):
    """A dense row, and half of the weights with sparse files that are so many times as fast.

    `control` is the factor of their own dense files, which should be 1, `dense` that of the dense
    network's file of the sparse kind.
    """
    cells = [({**NAME, "sparsity.label": row}, seed) for row in ("dense", "random 50%")
             for seed in (1, 2)]  # fmt: skip
    spec = TableSpec("t", "T", "small", rows_from_cells(cells))
    own = {} if control is None else {"latency/tflite_speedup": control}
    halves = {
        str(seed): Run(f"half{seed}", "", str(seed), 98.0,
                       {} if factor is None else {SPEED: factor, **own}, {})
        for seed, factor in enumerate(factors, 1)
    }  # fmt: skip
    whole = {"1": Run("dense1", "", "1", 98.0, {SPEED: dense}, {})}
    return build_table(spec, Collection([whole, halves]), read_published(None))


@pytest.mark.parametrize(
    ("factors", "verdict", "found"),
    [
        ((1.31, 2.049), HOLDS, "1.31 to 2.05 times as fast, 2 runs (1.3 times as fast or more"),
        ((1.29, 2.0), FAILS, "1.29 to 2.00 times as fast, 2 runs ("),
        ((1.5, None), HOLDS, "1.50 times as fast, 1 run ("),
        (
            (None, None),
            NOT_RUN,
            "mnist_cnn, random 50%: 1.3 times as fast or more, sparse float32:",
        ),
    ],
)
def test_a_network_is_faster_where_it_is_in_each_run_that_was_timed(
    tmp_path, factors, verdict, found
):
    statement = verdicts(tmp_path, timed(*factors), {"faster": 1.3})
    assert statement.verdict == verdict
    (finding,) = statement.findings
    assert found in finding.text
    assert finding.text.endswith(f": {verdict}")


@pytest.mark.parametrize(
    ("factor", "control", "verdict"),
    [
        (1.35, 1.01, HOLDS),
        (1.35, 0.95, OPEN),
        (1.35, 1.06, OPEN),
        (1.25, 0.9, OPEN),
        (1.2, 0.95, FAILS),
        (2.7, 0.83, HOLDS),
    ],
)
def test_a_factor_tells_no_more_than_that_of_equal_files(tmp_path, factor, control, verdict):
    statement = verdicts(tmp_path, timed(factor, control=control), {"faster": 1.3})
    assert statement.verdict == verdict
    error = max(control, 1 / control) - 1
    assert (f"equal files off by {error:.0%}" in statement.findings[0].text) == (error > 0.02)


@pytest.mark.parametrize(
    ("factor", "dense", "verdict"),
    [(1.5, 1.12, HOLDS), (1.4, 1.12, FAILS), (1.35, 1.01, HOLDS), (1.2, 0.5, FAILS)],
)
def test_what_a_kind_of_file_gains_is_not_counted_as_by_zeros(tmp_path, factor, dense, verdict):
    statement = verdicts(tmp_path, timed(factor, dense=dense), {"faster": 1.3})
    assert statement.verdict == verdict
    told = f"{dense:.2f} times by the kind of file alone"
    assert (told in statement.findings[0].text) == (dense > 1.02)


def test_a_word_that_no_check_has(tmp_path):
    with pytest.raises(ReportError, match=r"a check has looses; accepted: .*loses"):
        verdicts(tmp_path, table(dense=DENSE, half=DENSE), {"looses": True})
