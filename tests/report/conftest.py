import pytest

from harness.report import TableSpec, rows_from_cells
from tests.report.store import Store

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


def cells(sparsities=SPARSITIES, seeds=SEEDS):
    return [
        ({"model.name": "mnist_cnn", "sparsity.name": name, "sparsity.target": target}, seed)
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
        "superseded": store.cell("random", 0.5, 2, tags={"harness.superseded": "true"}),
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
