import pytest

from harness.plots.points import nominal
from harness.report.row_names import guide_model
from harness.report.rows import rows_from_cells


def test_cells_that_differ_in_the_seed_are_one_row():
    params = {
        "model.name": "m",
        "sparsity.label": "random",
        "sparsity.target": 0.5,
        "training.batch_size": 128,
    }
    rows = rows_from_cells([({**params, "seed": s, "scale": "small"}, s) for s in (1, 2)])
    (row,) = rows
    assert row.seeds == (1, 2)
    assert row.where == {
        "model.name": "m",
        "sparsity.label": "random",
        "sparsity.target": "0.5",
        "training.batch_size": "128",
    }


def test_rows_of_a_model_stand_together_wherever_a_sweep_names_them():
    named = [("a", "dense"), ("b", "dense"), ("a", "random 50%")]
    rows = rows_from_cells([({"model.name": m, "sparsity.label": s}, 1) for m, s in named])
    assert [(row.model, row.sparsity) for row in rows] == [named[0], named[2], named[1]]


def test_models_take_their_names_in_the_table():
    cells = [({"model.name": "mobilenet_v1", "sparsity.label": "dense"}, 1)]
    (row,) = rows_from_cells(cells)
    assert (row.model, row.sparsity) == ("MobilenetV1 224", "dense")


@pytest.mark.parametrize(
    ("params", "shown"),
    [
        ("model.name=mobilenet_v1 model.width=1.0 dataset.size=224", "MobilenetV1 224"),
        (
            "model.name=mobilenet_v1 model.width=0.5 dataset.size=32",
            "MobilenetV1, width 0.5, 32 pixels",
        ),
        ("model.name=inception_v3 model.width=1.0 dataset.size=299", "InceptionV3"),
        ("model.name=inception_v3 dataset.size=32", "InceptionV3, 32 pixels"),
        ("model.name=ds_cnn_l model.filters=64", "DS-CNN-L, 64 filters"),
        (
            "model.name=gnmt model.layers=2 model.units=256 dataset.direction=de_en",
            "GNMT DE-EN, 2 layers, 256 units",
        ),
        ("model.name=mnist_cnn model.units=8", "mnist_cnn"),
    ],
)
def test_a_name_of_the_guide_is_that_of_the_guide_s_network(params, shown):
    words = dict(word.split("=") for word in [*params.split(), "sparsity.label=dense"])
    (row,) = rows_from_cells([(words, 1)])
    assert row.model == shown
    assert row.published_row == guide_model(words), "the column of published values has its own"


@pytest.mark.parametrize(
    ("label", "share"),
    [("random high%", None), ("0 by 0", None), ("2 by 0", None), ("random nan%", None)],
)
def test_a_name_that_promises_nothing_promises_nothing(label, share):
    assert nominal(label) is share
