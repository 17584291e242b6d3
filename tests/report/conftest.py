from dataclasses import replace

import pytest

from harness.report import TableSpec, rows_from_cells
from harness.report.collect import collect
from harness.report.pages import page_tables
from harness.report.published import PublishedTable, read_published
from harness.report.tables import build_table
from harness.tracking.runs import read_runs
from tests.report.store import Store, label

SPARSITIES = [
    ("dense", None),
    ("random", 0.5),
    ("random", 0.9),
    ("structured_2x4", None),
    ("block_1x4", 0.5),
]
SEEDS = (1, 2, 3)
DENSE = {1: 0.980, 2: 0.982, 3: 0.984}
HALF = {1: 0.979, 2: 0.981, 3: 0.980}
NINETY = {1: 0.950, 2: 0.962}
#: A name that is markup in every format.
NASTY = "a_b|c <script>alert(1)</script> 50% & $x$ `y` #{z}~^\\\nnext"


def cells(sparsities=SPARSITIES, seeds=SEEDS):
    return [
        ({"model.name": "mnist_cnn", "sparsity.label": label(name, target)}, seed)
        for name, target in sparsities
        for seed in seeds
    ]


@pytest.fixture(scope="session")
def demo_spec() -> TableSpec:
    return TableSpec("demo", "A demo", "small", rows_from_cells(cells()))


@pytest.fixture(scope="session")
def stores(tmp_path_factory):
    """Two experiments of one store, written once: a clean sweep, and one full of trouble."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"
    clean, trouble = Store(uri, "demo"), Store(uri, "trouble")
    ids = {"dense": {}, "random 50%": {}, "random 90%": {}}
    for seed in SEEDS:
        dense = clean.cell(seed=seed, accuracy=DENSE[seed])
        ids["dense"][seed] = dense
        ids["random 50%"][seed] = clean.sparse("random", 0.5, seed, HALF[seed], dense)
        if seed in NINETY:
            ids["random 90%"][seed] = clean.sparse("random", 0.9, seed, NINETY[seed], dense)
    clean.sparse("structured_2x4", None, 1, 0.975, ids["dense"][1])
    clean.client.create_run(clean.id, tags={"harness.kind": "sweep"})
    return {"uri": uri, "clean": clean, "trouble": trouble, "ids": ids, "made": _trouble(trouble)}


def _trouble(store):
    """Runs that must not be shown, by the reason that must be given for them."""
    made = {
        "older dense": store.cell(accuracy=0.90),
        "sparse": None,
        "dense": store.cell(accuracy=0.98),
        "unfinished": store.cell("random", 0.5, 2, status=None),
        "failed": store.cell("random", 0.5, 2, status="FAILED"),
        "killed": store.cell("random", 0.5, 2, status="KILLED"),
        "incomplete": store.cell("random", 0.5, 2, tags={"harness.complete": None}),
        "former format": store.cell("random", 0.5, 2, tags={"harness.format": "3"}),
        "no format": store.cell("random", 0.5, 2, tags={"harness.format": None}),
        "scale": store.cell("random", 0.5, 2, tags={"harness.scale": "full"}),
        "nan": store.cell("random", 0.5, 2, float("nan")),
        "infinite": store.cell("random", 0.5, 2, float("inf")),
        "missing": store.cell("random", 0.5, 2, None),
        "foreign": store.cell("random", 0.5, 2, tags={"harness.kind": None}),
        "other target": store.cell("random", 0.75, 1),
        "other seed": store.cell("random", 0.5, 99),
        "older rival": store.cell("block_1x4", 0.5, 1, 0.4, params={"training.batch_size": "1"}),
    }
    made["rival"] = store.cell(
        "block_1x4",
        0.5,
        1,
        0.5,
        tags={
            "harness.git_commit": "d" * 40,
            "harness.git_dirty": "true",
            "harness.data_fingerprint": "e" * 64,
        },
        metrics={"size/tflite_gzip_bytes": float("nan")},
    )
    made["sparse"] = store.sparse("random", 0.5, 1, 0.97, made["older dense"])
    return made


@pytest.fixture(scope="session")
def table(stores, demo_spec):
    runs = read_runs(stores["uri"], "demo")
    return build_table(demo_spec, collect(runs, demo_spec), PublishedTable({}))


@pytest.fixture(scope="session")
def nasty(stores, demo_spec):
    rows = tuple(replace(row, model=NASTY) for row in demo_spec.rows)
    spec = replace(demo_spec, title=NASTY, rows=rows, command=NASTY)
    runs = read_runs(stores["uri"], "demo")
    return build_table(spec, collect(runs, spec), PublishedTable({}))


@pytest.fixture(scope="session")
def page(stores):
    """The guide's table before anything was run."""
    spec = page_tables()["image_classification"]
    runs = read_runs(stores["uri"], "demo").iloc[:0]
    return build_table(spec, collect(runs, spec), read_published(spec.published))


@pytest.fixture(scope="session")
def keywords(stores):
    """The guide's keyword spotting at small scale, on synthetic data, with one more sparsity."""
    store = Store(stores["uri"], "keyword_spotting_small")
    params = {"model.name": "ds_cnn_l"}
    tags = {"harness.data": "synthetic speech: 12 words"}
    for sparsity, target, accuracy in (
        ("dense", None, 0.95),
        ("structured_2x4", None, 0.94),
        ("random", 0.5, 0.945),
        ("random", 0.75, 0.93),
    ):
        store.cell(sparsity, target, 1, accuracy, params=params, tags=tags)
    spec = page_tables("small")["keyword_spotting"]
    last = spec.rows[1]
    where = {**last.where, "sparsity.label": "random 75%"}
    rows = (*spec.rows, replace(last, sparsity="random 75%", where=where))
    spec = replace(spec, name="keyword_spotting_small", rows=rows)
    runs = read_runs(stores["uri"], spec.reads)
    return build_table(spec, collect(runs, spec), read_published(spec.published))
