from harness.report.names import amount, family
from harness.report.rows import rows_from_cells


def test_family_and_amount():
    assert (family("random 87.5%"), amount("random 87.5%")) == ("random", "87.5%")
    assert (family("2 by 4"), amount("2 by 4")) == ("2 by 4", "2 by 4")


def test_cells_that_differ_in_the_seed_are_one_row():
    params = {
        "model.name": "m",
        "sparsity.name": "random",
        "sparsity.target": 0.5,
        "tracking.uri": "sqlite:///a.db",
        "dataset.data_dir": "/data",
        "training.batch_size": 128,
    }
    rows = rows_from_cells([({**params, "seed": s, "work_dir": str(s)}, s) for s in (1, 2)])
    (row,) = rows
    assert row.seeds == (1, 2)
    assert row.where == {
        "model.name": "m",
        "sparsity.name": "random",
        "sparsity.target": "0.5",
        "training.batch_size": "128",
    }


def test_models_take_their_names_in_the_table():
    cells = [({"model.name": "mobilenet_v1", "sparsity.name": "dense"}, 1)]
    (row,) = rows_from_cells(cells, {"mobilenet_v1": "MobilenetV1 224"})
    assert (row.model, row.sparsity) == ("MobilenetV1 224", "dense")
