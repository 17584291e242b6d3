from dataclasses import replace

import pytest
from scipy import stats

from harness.report.collect import collect
from harness.report.pages import page_tables
from harness.report.published import Published, PublishedTable
from harness.report.tables import build_table
from harness.tracking.runs import read_runs
from tests.report.conftest import DENSE, HALF, NINETY
from tests.report.store import Store

GZIP = "size/tflite_gzip_bytes"


@pytest.fixture(scope="module")
def clean(stores, demo_spec):
    published = PublishedTable(
        {
            ("mnist_cnn", c): Published("mnist_cnn", c, v, str(v), "%", "us", "https://x", "")
            for c, v in (("dense", 99.0), ("random 50%", 98.5))
        }
    )
    collection = collect(read_runs(stores["uri"], "demo"), demo_spec)
    return build_table(demo_spec, collection, published)


@pytest.fixture(scope="module")
def trouble(stores, demo_spec):
    spec = replace(demo_spec, name="trouble")
    collection = collect(read_runs(stores["uri"], "trouble"), spec)
    return build_table(spec, collection, PublishedTable({}))


def _entry(table, sparsity):
    (found,) = [e for e in table.entries if e.spec.sparsity == sparsity]
    return found


def test_means_and_intervals_over_seeds(clean):
    quality = _entry(clean, "dense").quality
    values = [100 * v for v in DENSE.values()]
    low, high = stats.t.interval(0.95, 2, sum(values) / 3, stats.sem(values))
    assert quality.mean - quality.half_width == pytest.approx(low)
    assert quality.mean + quality.half_width == pytest.approx(high)
    assert quality.n == 3


def test_differences_are_paired_by_seed(clean):
    for sparsity, measured in (("random 50%", HALF), ("random 90%", NINETY)):
        found = _entry(clean, sparsity).difference
        pairs = [100 * (value - DENSE[seed]) for seed, value in measured.items()]
        assert found.n == len(pairs)
        assert found.mean == pytest.approx(sum(pairs) / len(pairs))
        assert found.values == pytest.approx(pairs)
        if len(pairs) > 2:
            expected = stats.ttest_1samp(pairs, 0).confidence_interval(0.95)
            assert found.mean - found.half_width == pytest.approx(expected.low)


def test_dense_differs_from_nothing(clean):
    dense = _entry(clean, "dense")
    assert dense.is_dense
    assert dense.difference is None
    assert dense.reductions[GZIP] == 1.0


def test_sizes_and_sparsities(clean):
    entry = _entry(clean, "random 50%")
    assert entry.values["sparsity/prunable"] == 0.5
    assert entry.values["sparsity/all"] == pytest.approx(0.4998)
    assert entry.reductions[GZIP] == pytest.approx(1 / 0.58, rel=1e-6)
    assert entry.values["params/prunable"] == 3_273_504


def test_published_values_are_joined_with_their_own_difference(clean):
    assert _entry(clean, "random 50%").published_difference == pytest.approx(-0.5)
    assert _entry(clean, "dense").published_difference is None
    assert _entry(clean, "random 90%").published is None


def test_one_seed_and_unmeasured_rows_are_said_so(clean):
    one = _entry(clean, "2 by 4")
    assert (one.quality.n, one.quality.half_width) == (1, None)
    assert _entry(clean, "block 1 by 4 50%").quality is None
    assert any("no interval" in note for note in clean.notes)
    assert any("Not run (yet) of measured rows: 3 planned seeds." in note for note in clean.notes)


def test_a_sparse_run_is_compared_with_the_dense_run_it_started_from(trouble):
    # its dense is the older duplicate (0.90), not the newer one in the table (0.98)
    assert _entry(trouble, "dense").quality.mean == pytest.approx(98.0)
    assert _entry(trouble, "random 50%").difference.mean == pytest.approx(7.0)
    assert any("1 sparse run started from a dense run that is not" in n for n in trouble.notes)


def test_a_baseline_that_is_gone_is_no_other_run(stores, demo_spec):
    runs = read_runs(stores["uri"], "demo")
    gone = runs[runs["run_id"] != stores["ids"]["dense"][2]]
    table = build_table(demo_spec, collect(gone, demo_spec), PublishedTable({}))
    assert _entry(table, "random 50%").difference.n == 2
    assert any("dense baseline of 2 sparse runs is not in" in note for note in table.notes)


def test_runs_that_name_no_baseline_take_the_dense_run_of_their_seed(stores, demo_spec):
    runs = read_runs(stores["uri"], "demo").drop(columns="tags.harness.dense_run_id")
    table = build_table(demo_spec, collect(runs, demo_spec), PublishedTable({}))
    assert _entry(table, "random 50%").difference.n == 3
    assert _entry(table, "random 50%").difference.mean == pytest.approx(-0.2)


def test_a_baseline_counts_though_the_table_does_not_show_it(stores, demo_spec):
    spec = replace(demo_spec, rows=demo_spec.rows[1:])
    collection = collect(read_runs(stores["uri"], "demo"), spec)
    table = build_table(spec, collection, PublishedTable({}))
    assert _entry(table, "random 50%").difference.mean == pytest.approx(-0.2)


def test_conflicts_are_flagged(trouble):
    text = "\n".join(trouble.notes)
    made = "2 code versions (cccccccccccc in 2 runs, dddddddddddd in 1 run)"
    assert f"CONFLICT: the runs were made by {made}" in text
    assert "CONFLICT: the runs of mnist_cnn saw 2 different data sets" in text
    assert "1 of 3 runs made by code with uncommitted changes" in text
    assert "Not shown of the experiment: 15 runs (" in text


def test_a_metric_that_is_not_a_number_is_no_mean(trouble):
    assert GZIP not in _entry(trouble, "block 1 by 4 50%").values


def test_a_clean_table_reports_no_conflict(clean):
    assert not any("CONFLICT" in note or "not shown" in note for note in clean.notes)


@pytest.fixture(scope="module")
def recipes(stores):
    """The guide's examples, from runs of two recipes, and one whose pattern was overridden."""
    store = Store(stores["uri"], "recipes")
    dense = store.cell(params={"training.finetune.epochs": 1})
    for seed, epochs in ((1, 2), (2, 4)):
        params = {"training.finetune.epochs": epochs}
        store.cell("random", 0.5, seed, 0.97, params=params, tags={"harness.dense_run_id": dense})
    other = store.cell("structured_2x4", None, 1, 0.9, params={"sparsity.label": "1 by 4"})
    spec = page_tables("small")["examples"]
    collection = collect(read_runs(stores["uri"], "recipes"), spec)
    return build_table(spec, collection, PublishedTable({})), other


def test_a_mean_over_several_recipes_is_flagged(recipes):
    (note,) = [note for note in recipes[0].notes if "CONFLICT" in note]
    assert "the runs of mnist_cnn random 50% differ in training.finetune.epochs:" in note


def test_a_pattern_that_was_overridden_is_not_the_one_its_group_is_named_for(recipes):
    table, other = recipes
    (entry,) = [
        e for e in table.entries if (e.spec.model, e.spec.sparsity) == ("mnist_cnn", "2 by 4")
    ]
    assert entry.runs == ()
    (exclusion,) = table.excluded
    assert exclusion.run_ids == (other,)
    assert exclusion.experiment_id


def test_other_data_are_flagged_beside_a_variant_too(stores, demo_spec):
    runs = read_runs(stores["uri"], "demo")
    sparse = runs["params.sparsity.label"] != "dense"
    runs.loc[sparse, "tags.harness.data_fingerprint"] = "e" * 64
    rows = tuple(r if r.is_dense else replace(r, variant="epochs=3") for r in demo_spec.rows)
    spec = replace(demo_spec, rows=rows)
    table = build_table(spec, collect(runs, spec), PublishedTable({}))
    assert any("mnist_cnn saw 2 different data sets" in note for note in table.notes)
